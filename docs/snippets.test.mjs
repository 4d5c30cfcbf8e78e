// Runs every ```js block of frontend.md against the server at BASE_URL: see run-snippets.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const { BASE_URL, MAILS } = process.env;
assert.ok(BASE_URL, "BASE_URL is not set: run `make test-docs`.");
const ADDRESS = "http://127.0.0.1:8000"; // Where the page says that the service is.
const CLIENTS = { fetch: "api.js", axios: "api-axios.js" };
const PASSWORD = "a long way to Tipperary";
const beside = (name) => fileURLToPath(new URL(name, import.meta.url));
const page = await readFile(beside("frontend.md"), "utf8");

// --- What a browser has ------------------------------------------------------------------------

class Storage {
  #items = new Map();
  getItem = (key) => this.#items.get(key) ?? null;
  setItem = (key, value) => void this.#items.set(key, String(value));
  removeItem = (key) => void this.#items.delete(key);
}

class Locks {
  #last = new Map();
  request(name, work) {
    const turn = (this.#last.get(name) ?? Promise.resolve()).then(work);
    this.#last.set(name, turn.catch(() => null));
    return turn;
  }
}

/** Start a fresh browser: one storage, and locks, for all its tabs. */
function openBrowser() {
  const parts = { localStorage: new Storage(), navigator: { locks: new Locks() } };
  for (const [name, value] of Object.entries(parts)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

// --- A proxy that counts, and can delay or lose an answer ----------------------------------------

const proxy = {
  seen: [], // Like "POST /auth/refresh 200", in the order in which the service answered.
  meet: async () => {}, // Called with that, the response and its body, before it is passed on.
  count: (line) => proxy.seen.filter((seen) => seen.startsWith(line)).length,
};

const server = http.createServer((request, response) => {
  const options = {
    agent: false,
    method: request.method,
    headers: { ...request.headers, connection: "close" },
  };
  const onward = http.request(new URL(request.url, BASE_URL), options, async (answer) => {
    const body = await buffer(answer);
    const line = `${request.method} ${request.url.replace("/api/v1", "")} ${answer.statusCode}`;
    proxy.seen.push(line);
    try {
      await proxy.meet(line, response, JSON.parse(body.length ? body : null));
    } catch (error) {
      response.destroy(error);
    }
    if (!response.destroyed && !response.headersSent) {
      response.writeHead(answer.statusCode, answer.headers).end(body);
    }
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
});

/** Return a promise, and the function that keeps it. */
function signal() {
  let give;
  const given = new Promise((resolve) => (give = resolve));
  return [given, give];
}

// --- The snippets --------------------------------------------------------------------------------

const blocks = [...page.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map(([, info, code]) => ({ info, code }));
assert.equal(page.split(ADDRESS).length - 1, 2, "Each client has the address once.");
let folder;
let tabs = 0;

/** Write the files into a folder of their own, so that its modules share nothing but the browser. */
async function openTab(client) {
  const tab = join(folder, `tab-${++tabs}`);
  await mkdir(tab);
  const address = `http://127.0.0.1:${server.address().port}`;
  for (const { info, code } of blocks) {
    const text = code.replace(ADDRESS, address).replace("./api.js", `./${CLIENTS[client]}`);
    await writeFile(join(tab, info.replace("js file=", "")), text);
  }
  const files = ["session.js", CLIENTS[client], "account.js", "signup-form.js", "links.js"];
  const modules = files.map((name) => import(pathToFileURL(join(tab, name))));
  return Object.assign({}, ...(await Promise.all(modules)));
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "snippets-"));
  await symlink(beside("node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{"type": "module"}');
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
});

after(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

// --- Helpers -------------------------------------------------------------------------------------

let people = 0;

/** Submit the sign-up form, and return what was printed where. */
async function submit(tab, form) {
  const printed = {};
  await tab.submit(form, (place, text) => text && (printed[place] = text));
  return printed;
}

const newEmail = () => `ana.${Date.now()}.${++people}@example.com`;

/** Make the stored access token one that the service refuses, like one that has expired. */
function expire(tab) {
  const session = tab.load();
  tab.save({ ...session, access_token: `${session.access_token}x` });
}

const me = (tab) => tab.request("GET", "/users/me");

/** Present tokens without any client: return the two statuses. */
async function present({ access_token, refresh_token }) {
  const opened = await fetch(`${BASE_URL}/api/v1/users/me`, {
    headers: { Authorization: `Bearer ${access_token}` },
  });
  const refreshed = await fetch(`${BASE_URL}/api/v1/auth/refresh`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ refresh_token }),
  });
  return [opened.status, refreshed.status];
}

/** Wait for a mail to the address with this in it, and return its first group. */
async function find(email, pattern) {
  for (let attempt = 0; attempt < 100; attempt++) {
    for (const name of await readdir(MAILS).catch(() => [])) {
      const mail = await readFile(join(MAILS, name), "utf8");
      if (mail.includes(`To: ${email}\n`) && pattern.test(mail)) return mail.match(pattern)[1];
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return assert.fail(`no mail to ${email}`);
}

/** Open the link to this page in a mail to the address, as a browser does. */
async function openLink(tab, email, page) {
  const link = new RegExp(`https://app\\.example\\.com/${page}(#token=[\\w-]{43})\\s`);
  const address = { hash: await find(email, link), pathname: `/${page}` };
  const history = { replaceState: (state, title, path) => assert.equal(path, `/${page}`) };
  Object.assign(globalThis, { location: address, history });
  return tab.takeToken();
}

const codeTo = (email) => find(email, /^Or enter this code where you signed up: ([0-9]{6})$/m);

/** Let the address be verified for as long as it takes to get a link that undoes a change. */
function verifiedLongAgo(email) {
  const code = `
from datetime import timedelta
from django.db.models import F
from accounts.users.models import User
User.objects.filter(email="${email}").update(email_verified_at=F("email_verified_at") - timedelta(days=8))`;
  execFileSync(".venv/bin/python", ["manage.py", "shell", "--no-imports", "-c", code], { cwd: beside("..") });
}

beforeEach(() => {
  openBrowser();
  proxy.seen.length = 0;
});
afterEach(() => {
  proxy.meet = async () => {};
});

// --- The tests -----------------------------------------------------------------------------------

test("every block of code is a file that is run here", () => {
  const shared = ["problem.js", "session.js"];
  const own = ["account.js", "signup-form.js", "links.js"];
  const files = [...shared, ...Object.values(CLIENTS), ...own];
  assert.deepEqual(
    blocks.map(({ info }) => info),
    files.map((name) => `js file=${name}`),
  );
});

test("a page at the origin that the page names may call the API", async () => {
  const answer = await fetch(`${BASE_URL}/api/v1/users/me`, {
    method: "OPTIONS",
    headers: {
      Origin: "http://localhost:5173",
      "Access-Control-Request-Method": "DELETE",
      "Access-Control-Request-Headers": "authorization,content-type",
    },
  });

  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("Access-Control-Allow-Origin"), "http://localhost:5173");
  assert.match(answer.headers.get("Access-Control-Allow-Methods"), /DELETE/);
  assert.match(answer.headers.get("Access-Control-Allow-Headers"), /authorization.*content-type/);
});

for (const client of Object.keys(CLIENTS)) {
  describe(`with ${client}`, { timeout: 120_000 }, () => {
    let email, tab;

    before(async () => {
      email = newEmail();
      openBrowser();
      const { user } = await (await openTab(client)).signUp({ email, password: PASSWORD });
      assert.equal(user.email, email);
    });

    beforeEach(async () => {
      tab = await openTab(client);
      await tab.signIn(email, PASSWORD);
      proxy.seen.length = 0;
    });

    test("who is signed in verifies the address and stays signed in", async () => {
      const token = await openLink(tab, email, "verify-email");
      expire(tab);

      await tab.verifyEmail(token);

      assert.equal((await me(tab)).email_verified, true);
    });

    test("who is not signed in verifies the address with the password", async () => {
      const ben = newEmail();
      openBrowser();
      const other = await openTab(client);
      await other.signUp({ email: ben, password: PASSWORD });
      const token = await openLink(other, ben, "verify-email");

      await other.verifyEmail(token, async () => PASSWORD);

      assert.equal((await other.signIn(ben, PASSWORD)).email_verified, true);
      await other.verifyEmail(token); // A second click: it is verified already.
    });

    test("who did not sign up starts over", async () => {
      const [ben, password] = [newEmail(), "a longer way to Tipperary"];
      openBrowser();
      const other = await openTab(client);
      await other.signUp({ email: ben, password: PASSWORD });
      const token = await openLink(other, ben, "verify-email");
      await assert.rejects(other.post("/auth/verify-email", { token }), {
        code: "ownership_required",
      });

      await other.startOver(token);

      await assert.rejects(other.signIn(ben, PASSWORD), { code: "invalid_credentials" });
      await other.resetPassword(await openLink(other, ben, "reset-password"), password);
      assert.equal((await other.signIn(ben, password)).email_verified, true);
    });

    test("the code of the mail is typed, signed in or with the password", async () => {
      for (const isSignedIn of [true, false]) {
        const ben = newEmail();
        openBrowser();
        const other = await openTab(client);
        await other.signUp({ email: ben, password: PASSWORD });
        const code = await codeTo(ben);
        if (isSignedIn) await other.signIn(ben, PASSWORD);

        await (isSignedIn ? other.enterCode(code) : other.enterCode(code, ben, PASSWORD));

        assert.equal((await other.signIn(ben, PASSWORD)).email_verified, true);
      }
    });

    test("another person who is signed in is asked for the password of the account", async () => {
      const ben = newEmail();
      await tab.signUp({ email: ben, password: PASSWORD });
      const token = await openLink(tab, ben, "verify-email");

      await tab.verifyEmail(token, async () => PASSWORD);

      assert.equal((await me(tab)).email, email);
      assert.equal((await tab.signIn(ben, PASSWORD)).email_verified, true);
    });

    test("who is not signed in confirms a new address with the password", async () => {
      const [ben, later] = [newEmail(), newEmail()];
      openBrowser();
      const other = await openTab(client);
      await other.signUp({ email: ben, password: PASSWORD });
      await other.signIn(ben, PASSWORD);
      await other.changeEmail(later, PASSWORD);
      const token = await openLink(other, later, "confirm-email-change");
      await other.signOut();

      await assert.rejects(other.post("/auth/confirm-email-change", { token }), {
        code: "ownership_required",
      });
      const wrong = other.confirmEmail(token, async () => "not the password");
      await assert.rejects(wrong, { code: "password_incorrect" });
      await other.confirmEmail(token, async () => PASSWORD);

      assert.equal((await other.signIn(later, PASSWORD)).email, later);
    });

    test("a forgotten password is set anew, and an address changed and brought back", async () => {
      const [ben, later, password] = [newEmail(), newEmail(), "a longer way to Tipperary"];
      openBrowser();
      const other = await openTab(client);
      await other.signUp({ email: ben, password: PASSWORD });
      await other.forgotPassword(ben);
      await other.resetPassword(await openLink(other, ben, "reset-password"), password);
      await other.signIn(ben, password);
      verifiedLongAgo(ben);

      await other.changeEmail(later, password);
      await other.confirmEmail(await openLink(other, later, "confirm-email-change"));
      assert.equal((await me(other)).email, later);
      assert.equal(proxy.count("POST /auth/confirm-email-change"), 1);

      await other.undoEmail(await openLink(other, ben, "undo-email-change"));
      await assert.rejects(me(other), { code: "token_not_valid" });
    });

    test("who signed in stays signed in after a reload", async () => {
      const user = await tab.signIn(email, PASSWORD);

      assert.deepEqual(await me(tab), user);
      assert.deepEqual(await me(await openTab(client)), user);
      assert.equal(proxy.count("POST /auth/refresh"), 0);
    });

    test("a wrong password is told in one sentence, and the session stays", async () => {
      const session = tab.load();

      await assert.rejects(tab.signIn(email, "not the password"), {
        name: "Error",
        message: "Incorrect email or password",
        detail: "Incorrect email or password",
        status: 401,
        code: "invalid_credentials",
        errors: [],
        request_id: /^\w+$/,
      });
      assert.deepEqual(tab.load(), session);
      assert.equal(proxy.count("POST /auth/refresh"), 0);
    });

    for (const locks of [true, false]) {
      const where = locks ? "with locks" : "without locks";

      test(`20 requests at the same time refresh once, ${where}`, async () => {
        if (!locks) delete navigator.locks;
        expire(tab);
        const { refresh_token } = tab.load();

        const answers = await Promise.all(Array.from({ length: 20 }, () => me(tab)));

        assert.deepEqual(new Set(answers.map((user) => user.email)), new Set([email]));
        assert.equal(proxy.count("GET /users/me 401"), 20);
        assert.equal(proxy.count("POST /auth/refresh"), 1);
        assert.equal(proxy.count("GET /users/me 200"), 20);
        assert.notEqual(tab.load().refresh_token, refresh_token);
      });

      test(`two tabs at the same time both stay signed in, ${where}`, async () => {
        if (!locks) delete navigator.locks;
        const other = await openTab(client);
        expire(tab);
        const [both, arrived] = signal();
        const answers = [];
        proxy.meet = async (line, response, body) => {
          if (!line.startsWith("POST /auth/refresh")) return;
          answers.push(body.refresh_token);
          if (locks || answers.length === 2) arrived();
          await both; // Without locks neither tab has its answer before the other one asked.
        };

        await Promise.all([me(tab), me(other), me(tab), me(other)]);

        assert.equal(proxy.count("POST /auth/refresh 200"), locks ? 1 : 2);
        assert.deepEqual(new Set(answers), new Set([tab.load().refresh_token]));
        expire(tab);
        assert.equal((await me(other)).email, email);
        assert.equal((await me(tab)).email, email);
      });
    }

    test("a refusal that comes after the refresh uses what is stored", async () => {
      expire(tab);
      const other = await openTab(client);
      const [late, pass] = signal();
      proxy.meet = (line) => (line === "GET /users/me 401" && proxy.seen.length === 1 ? late : null);
      const slow = me(tab);
      while (proxy.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await me(other);
      pass();

      assert.equal((await slow).email, email);
      assert.equal(proxy.count("POST /auth/refresh"), 1);
    });

    test("a request with a body is sent again whole", async () => {
      expire(tab);

      const user = await tab.request("PATCH", "/users/me", { full_name: "Ana “Ñ” Moreno" });

      assert.equal(user.full_name, "Ana “Ñ” Moreno");
      assert.equal((await me(tab)).full_name, "Ana “Ñ” Moreno");
      assert.equal(proxy.count("PATCH /users/me"), 2);
    });

    test("a request is sent again once, not for ever", { timeout: 20_000 }, async () => {
      expire(tab);
      proxy.meet = async (line, response, body) => {
        if (!line.startsWith("POST /auth/refresh")) return;
        const useless = JSON.stringify({ ...body, access_token: "useless" });
        response.writeHead(200, { "Content-Type": "application/json" }).end(useless);
      };

      await assert.rejects(me(tab), { code: "token_not_valid" });
      assert.deepEqual(proxy.seen, [
        "GET /users/me 401",
        "POST /auth/refresh 200",
        "GET /users/me 401",
      ]);
    });

    test("an ended session leads to the sign-in page", async () => {
      const here = tab.load();
      await tab.signIn(email, PASSWORD);
      const devices = await tab.request("GET", "/users/me/sessions");
      await tab.signOut("others");
      assert.ok(devices.length > 1);
      assert.equal((await me(tab)).email, email);
      tab.save(here);
      proxy.seen.length = 0;

      await assert.rejects(Promise.all([me(tab), me(tab)]), { status: 401, code: "token_not_valid" });

      assert.equal(tab.load(), null);
      assert.equal(proxy.count("POST /auth/refresh 401"), 1);
      await assert.rejects(me(tab), { status: 401, code: "not_authenticated" });
      assert.equal(proxy.count("POST /auth/refresh"), 1);
    });

    test("a lost answer is asked for again", async () => {
      expire(tab);
      proxy.meet = async (line, response) => {
        if (line.startsWith("POST /auth/refresh")) response.destroy();
      };
      await assert.rejects(me(tab), {
        status: 0,
        code: "unreachable",
        detail: "The service cannot be reached.",
      });
      proxy.meet = async () => {};

      assert.equal((await me(tab)).email, email);
      assert.equal(proxy.count("POST /auth/refresh 200"), 2);
    });

    test("a sign-in that meets an overloaded service is sent once more after the wait", async () => {
      let wait = "1";
      proxy.meet = async (line, response) => {
        if (!line.startsWith("POST /auth/signin") || !wait) return;
        const headers = { "Content-Type": "application/problem+json", "Retry-After": wait };
        response.writeHead(503, headers).end(JSON.stringify({ status: 503, code: "overloaded" }));
        wait = null;
      };
      const started = Date.now();

      assert.equal((await tab.signIn(email, PASSWORD)).email, email);
      assert.ok(Date.now() - started >= 1000);
      assert.equal(proxy.count("POST /auth/signin"), 2);
    });

    test("a service that stays overloaded says so after one more request", async () => {
      proxy.meet = async (line, response) => {
        if (!line.startsWith("POST /auth/signin")) return;
        const headers = { "Content-Type": "application/problem+json", "Retry-After": "0" };
        const body = { status: 503, code: "overloaded", detail: "Later.", errors: [] };
        response.writeHead(503, headers).end(JSON.stringify(body));
      };

      await assert.rejects(tab.signIn(email, PASSWORD), { code: "overloaded", detail: "Later." });
      assert.equal(proxy.count("POST /auth/signin"), 2);
    });

    test("a service that is down signs no one out", async () => {
      expire(tab);
      const session = tab.load();
      proxy.meet = async (line, response) => {
        if (!line.startsWith("POST /auth/refresh")) return;
        response.writeHead(503, { "Content-Type": "text/html" }).end("<h1>Down</h1>");
      };

      await assert.rejects(me(tab), { code: "unreachable" });
      assert.deepEqual(tab.load(), session);
    });

    test("after signing out the tokens are dead", async () => {
      const session = tab.load();

      await tab.signOut();

      assert.equal(tab.load(), null);
      assert.deepEqual(await present(session), [401, 401]);
      await tab.signOut();
      assert.deepEqual(proxy.seen, ["POST /auth/signout 204"]);
    });

    test("signing out works with an access token that has expired", async () => {
      const session = tab.load();
      expire(tab);

      await tab.signOut();

      assert.deepEqual(await present(session), [401, 401]);
    });

    test("all devices are signed out at once", async () => {
      const elsewhere = tab.load();
      await tab.signIn(email, PASSWORD);
      const here = tab.load();

      await tab.signOut("global");

      assert.equal(tab.load(), null);
      assert.deepEqual([await present(here), await present(elsewhere)], [[401, 401], [401, 401]]);
    });

    test("signing out during a refresh is final", async () => {
      expire(tab);
      const session = tab.load();
      let last;
      proxy.meet = async (line, response, body) => {
        if (!line.startsWith("POST /auth/refresh")) return;
        last = body;
        await tab.signOut();
      };

      await assert.rejects(me(tab), { code: "token_not_valid" });

      assert.equal(tab.load(), null);
      assert.equal(proxy.count("POST /auth/signout 204"), 1);
      assert.deepEqual([await present(session), await present(last)], [[401, 401], [401, 401]]);
    });

    test("nothing is done in the name of another person who signs in meanwhile", async () => {
      const other = await openTab(client);
      const ben = { email: newEmail(), password: PASSWORD, full_name: "Ben" };
      await other.signUp(ben);
      expire(tab);
      proxy.meet = async (line) => {
        if (line === "PATCH /users/me 401") await other.signIn(ben.email, PASSWORD);
      };

      await assert.rejects(tab.request("PATCH", "/users/me", { full_name: "Ana" }), {
        code: "token_not_valid",
      });

      assert.equal((await me(other)).full_name, "Ben");
      assert.equal(proxy.count("POST /auth/refresh"), 0);
    });

    test("a service that cannot be reached is a problem like any other", async () => {
      proxy.meet = async (line, response) => response.destroy();

      await assert.rejects(me(tab), { code: "unreachable", errors: [] });
      await assert.rejects(tab.signIn(email, PASSWORD), { code: "unreachable", errors: [] });
    });

    test("each mistake in a form is printed beside its field", async () => {
      const printed = await submit(tab, { email: "nowhere", password: "" });

      assert.deepEqual(Object.keys(printed), ["email", "password"]);
      for (const sentence of Object.values(printed)) assert.match(sentence, /^[A-Z].+\.$/);
    });

    test("all that is wrong with a password is printed", async () => {
      const printed = await submit(tab, { email: newEmail(), password: "1234567" });

      assert.deepEqual(Object.keys(printed), ["password"]);
      assert.match(printed.password, /short.*common/);
    });

    test("who has an account is asked to sign in", async () => {
      assert.deepEqual(await submit(tab, { email, password: PASSWORD }), {
        email: "Email already registered",
        form: "Do you want to sign in instead?",
      });
    });

    test("what is wrong with no field is printed above the form", async () => {
      proxy.meet = async (line, response) => response.destroy();
      const form = { email: newEmail(), password: PASSWORD };

      assert.deepEqual(await submit(tab, form), { form: "The service cannot be reached." });

      proxy.meet = async () => {};
      assert.deepEqual(await submit(tab, { ...form, email: newEmail() }), {});
    });

    test("a device is ended from another one", async () => {
      await tab.signOut("others");
      const elsewhere = tab.load();
      await tab.signIn(email, PASSWORD);

      const devices = await tab.listDevices();
      assert.deepEqual(devices.map(({ current }) => current).sort(), [false, true]);
      for (const key of ["id", "current", "device", "ip_address", "last_used_at"]) {
        assert.ok(key in devices[0], key);
      }
      await tab.endDevice(devices.find(({ current }) => !current).id);

      assert.deepEqual((await tab.listDevices()).map(({ current }) => current), [true]);
      assert.deepEqual(await present(elsewhere), [401, 401]);
    });

    test("the password is asked for before an account is deleted", async () => {
      const leaver = newEmail();
      await tab.signUp({ email: leaver, password: PASSWORD });
      await tab.signIn(leaver, PASSWORD);

      await assert.rejects(tab.deleteAccount(async () => "not the password"), {
        status: 400,
        code: "password_incorrect",
      });
      assert.equal((await me(tab)).email, leaver);
      proxy.seen.length = 0;
      await tab.deleteAccount(async () => PASSWORD);

      assert.deepEqual(proxy.seen, ["DELETE /users/me 403", "DELETE /users/me 204"]);
      assert.equal(tab.load(), null);
      await assert.rejects(tab.signIn(leaver, PASSWORD), { code: "invalid_credentials" });
    });

    test("a tab notices who signs out or in elsewhere, and no refresh", () => {
      const ana = { user_id: 1, access_token: "a" };
      const notices = (key, before, after) => {
        let changes = 0;
        const window = new EventTarget();
        globalThis.addEventListener = window.addEventListener.bind(window);
        tab.onChange(() => changes++);
        const [oldValue, newValue] = [before, after].map((value) => value && JSON.stringify(value));
        window.dispatchEvent(Object.assign(new Event("storage"), { key, oldValue, newValue }));
        return changes === 1;
      };

      assert.equal(notices("session", ana, null), true);
      assert.equal(notices("session", null, ana), true);
      assert.equal(notices("session", ana, { user_id: 2, access_token: "b" }), true);
      assert.equal(notices("session", ana, { user_id: 1, access_token: "b" }), false);
      assert.equal(notices("theme", null, "dark"), false);
    });
  });
}
