-- What wrk sends. Python writes the plan, a Lua table, into the file that PLAN names.
--
-- Each of wrk's threads has one connection, so it is one client: it knows which answer belongs to
-- which request, and holds a refresh token of its own. Each stops by itself at the end of its time,
-- when its last request has been answered, so that no slow answer is left out.

local ffi = require "ffi"

ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } instant;
int clock_gettime(int clock, instant *now);
]]

local MONOTONIC = 1 -- CLOCK_MONOTONIC of Linux.
local plan = dofile(os.getenv("PLAN"))
local json = { ["Content-Type"] = "application/json" }
local clients = {}
local clock = ffi.new("instant")
local sent_at, ends_at, kind, token, was_refused

local function now() -- In microseconds.
   ffi.C.clock_gettime(MONOTONIC, clock)
   return tonumber(clock.seconds) * 1e6 + tonumber(clock.nanoseconds) / 1e3
end

-- Return the member of a list whose turn it is: the clients go through it together.
local function take(list)
   return list[(number + #answers * plan.clients) % #list + 1]
end

local function post(path, format, ...)
   return wrk.format("POST", path, json, format:format(...))
end

local compose = {
   health = function(path)
      return wrk.format("GET", path)
   end,
   me = function(path)
      return wrk.format("GET", path, { Authorization = "Bearer " .. take(plan.access) })
   end,
   refresh = function(path)
      return post(path, '{"%s": "%s"}', plan.key, token)
   end,
   signin = function(path)
      local email = ("user%d@example.com"):format(math.random(plan.users))
      return post(path, '{"email": "%s", "password": "%s"}', email, plan.password)
   end,
   signup = function(path)
      local email = ("new-%s-%d-%d@example.com"):format(plan.name, number, #answers)
      return post(path, '{"email": "%s", "password": "%s"}', email, plan.password)
   end,
}

function setup(thread)
   thread:set("number", #clients)
   clients[#clients + 1] = thread
end

function init()
   math.randomseed(plan.seed + number)
   answers = {}
   token = plan.refresh[number + 1]
   ends_at = now() + plan.seconds * 1e6
end

-- Return for how many milliseconds a client waits: after a 503 up to the second it was asked to.
function delay()
   if was_refused then
      was_refused = false
      return math.random(1000)
   end
   return plan.pause > 0 and math.random(2 * plan.pause) or 0
end

function request()
   kind = take(plan.deck)
   sent_at = now()
   return compose[kind](plan.paths[kind])
end

function response(status, headers, body)
   local answered_at = now()
   answers[#answers + 1] = ("%s %d %d %d"):format(kind, status, sent_at, answered_at - sent_at)
   was_refused = status == 503
   if kind == "refresh" and status == 200 then
      token = body:match('"' .. plan.key .. '": *"([^"]+)"')
   end
   if answered_at > ends_at then
      leave()
   end
end

-- Stop. A server that closes each connection has wrk open another one at once, on which nothing
-- would be sent: it goes elsewhere, since a worker without threads would wait for it.
function leave()
   wrk.thread.addr = wrk.lookup("127.0.0.1", plan.exit)[1]
   wrk.thread:stop()
end

function done(summary)
   for _, client in ipairs(clients) do
      for _, answer in ipairs(client:get("answers")) do
         print("answer", answer)
      end
   end
   local errors = summary.errors
   print("broken", errors.connect + errors.read + errors.write + errors.timeout)
end
