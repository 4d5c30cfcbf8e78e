"""Read the container and compose files; `make test-container` builds and runs the image."""

import re
import shutil

import pytest
import yaml

from deploy.tests.conftest import DEPLOY

ROOT = DEPLOY.parent
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "accounts"}
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()


def instructions(name):
    return re.findall(rf"^{name} (.+)$", CONTAINERFILE.replace("\\\n", ""), re.MULTILINE)


def test_the_image_has_an_exact_python_and_runs_unprivileged():
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-[a-z]+", *instructions("FROM"))
    assert instructions("USER") == ["accounts"]
    assert CONTAINERFILE.index("\nUSER ") < CONTAINERFILE.index("\nCMD ")


def test_the_image_starts_without_a_shell_that_would_keep_signals_to_itself():
    assert instructions("CMD") == ['["gunicorn", "-c", "python:lazyrabbit.gunicorn"]']


def test_everything_that_is_copied_is_let_in():
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    for sources in instructions("COPY"):
        for source in sources.split()[:-1]:
            assert (ROOT / source).exists()
            assert f"!{source}" in let_in
    assert "*" in let_in


def test_the_requirements_of_the_tests_can_be_cut_off():
    before, after = (ROOT / "requirements.txt").read_text().split("\n# Tests.\n")

    assert "gunicorn==" in before
    assert "pytest==" in after
    assert "/^# Tests\\./,$d" in CONTAINERFILE


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_containers_can_do_little(name):
    service = OURS[name]

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service


def test_the_secrets_of_the_documentation_reach_all_of_our_containers():
    (text,) = re.findall(r"```yaml\n(services:.*?)```", (ROOT / "docs/deploy.md").read_text(), re.S)
    override = yaml.safe_load(text)

    assert override["services"].keys() == OURS.keys()
    for service in override["services"].values():
        assert service["environment"] == {"SECRET_KEY_FILE": "/run/secrets/secret_key"}
        assert service["secrets"] == list(override["secrets"]) == ["secret_key"]


def test_only_nginx_is_seen_from_outside():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]


def test_the_database_is_migrated_before_anything_asks_it():
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["migrate"]["command"][-1] == "migrate"
    for name in OURS.keys() - {"migrate"}:
        condition = {"migrate": {"condition": "service_completed_successfully"}}
        assert SERVICES[name]["depends_on"] == condition


def test_only_a_web_server_is_checked():
    asked = {name for name, service in OURS.items() if "healthcheck" not in service}

    assert asked == {"web1", "web2"}
    assert SERVICES["nginx"]["depends_on"].keys() == asked
    assert SERVICES["postgres"]["healthcheck"]["test"]


def test_the_nodes_are_where_nginx_looks_for_them():
    addresses = {
        name: service["networks"]["inside"]["ipv4_address"]
        for name, service in SERVICES.items()
        if isinstance(service["networks"], dict)
    }
    nodes = re.findall(r"server (\S+):8000 ", (DEPLOY / "nginx/nodes.compose.conf").read_text())

    assert nodes == [addresses["web1"], addresses["web2"]]
    assert OURS["web1"]["environment"]["TRUSTED_PROXIES"] == f"{addresses['nginx']}/32"


def test_nginx_takes_the_nodes_of_the_containers(nginx, stub):
    """A good configuration may name hosts that do not exist."""
    shutil.copy(DEPLOY / "nginx/nodes.compose.conf", nginx.folder / "accounts/nodes.conf")

    assert nginx.check().endswith("test is successful\n")


def test_the_files_given_to_nginx_exist():
    for volume in SERVICES["nginx"]["volumes"]:
        source = volume.partition(":")[0]
        assert source in ("./tls", "./acme") or (DEPLOY / source).exists()


def test_no_secret_is_written_down():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or name == "DATABASE_URL":
                assert "${POSTGRES_PASSWORD:?" in value
