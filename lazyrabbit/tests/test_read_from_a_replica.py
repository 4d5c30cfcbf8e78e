"""Lists may be a moment old; who is signed in may not."""

import json
import shutil

PERSON = {"email": "ana@example.com", "password": "securepassword123"}
ME = "/api/v1/users/me"


def test_the_replica_serves_lists_and_never_says_who_is_in(serve, tmp_path):
    """The replica is a copy that stood still since before the first sign-up."""
    replica = tmp_path / "replica.db"
    server = serve(DATABASE_REPLICA_URL=f"sqlite:///{replica}")
    shutil.copy(tmp_path / "empty.db", replica)
    server.ask("/api/v1/auth/signup", PERSON)
    _, tokens = server.ask("/api/v1/auth/signin", PERSON)
    bearer = {"Authorization": f"Bearer {json.loads(tokens)['access_token']}"}

    assert server.ask(ME, **bearer)[0] == 200
    assert server.ask(f"{ME}/sessions", **bearer) == (200, "[]")
    assert json.loads(server.ask(f"{ME}/events", **bearer)[1])["total"] == 0

    assert server.ask("/api/v1/auth/signout", {"scope": "global"}, **bearer)[0] == 204
    assert server.ask(ME, **bearer)[0] == 401
