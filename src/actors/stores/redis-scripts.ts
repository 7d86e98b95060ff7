/**
 * The Lua that makes a batch of one shard atomic. All keys begin with KEYS[1],
 * which holds the shard's hash tag, so they share one Cluster slot.
 *
 * | key | what |
 * | --- | --- |
 * | `:epoch` `:position` | owner's epoch, commit sequence of the stream |
 * | `:a:<address>` | hash: `revision`, `turn`, `position`, `body` |
 * | `:j:<address>` | stream by revision: `r` record, `t` turn, `p` position |
 * | `:stream` | stream by position |
 * | `:o:<address>` | hash: `<sequence>` → outbox message |
 * | `:i:<address>` | hash: sender → mark |
 * | `:d:<address>` | hash: generation → document |
 * | `:x:<name>` | set: members of an index |
 * | `:members` `:ended` | all actors; those that have ended, by time |
 */

/**
 * ARGV: epoch, journal bound, stream bound, 1 to write over an older revision,
 * number of acknowledgements, sender and sequence of each; then per turn
 * address, revision, turn, record (empty unless it is its actor's last turn
 * here), journal record, stream record or empty, time of its end or empty,
 * number of messages, sequence and text of each, number of marks, sender and
 * text of each, generation or 0 and document, number of indexes entered, their
 * names, number of indexes left, their names.
 */
export const commitScript = `
local base = KEYS[1]
local epoch = tonumber(ARGV[1])
local journalMost, streamMost, forward = ARGV[2], ARGV[3], ARGV[4] == '1'
local owner = tonumber(redis.call('GET', base .. ':epoch') or '0')
local results = {}
local at = 5
local function take() at = at + 1; return ARGV[at - 1] end
local function pairsOf(count)
  local taken = {}
  for i = 1, count do taken[i] = {take(), take()} end
  return taken
end
local function names(count)
  local taken = {}
  for i = 1, count do taken[i] = take() end
  return taken
end
if owner < epoch then redis.call('SET', base .. ':epoch', epoch) end
for _, ack in ipairs(pairsOf(tonumber(take()))) do
  if owner <= epoch then redis.call('HDEL', base .. ':o:' .. ack[1], ack[2]) end
end
-- Heads of actors whose last turn is still to come in this call.
local heads = {}
while at <= #ARGV do
  local address, revision, turn = take(), tonumber(take()), take()
  local body, journal, stream, ended = take(), take(), take(), take()
  local messages = pairsOf(tonumber(take()))
  local marks = pairsOf(tonumber(take()))
  local generation, document = take(), take()
  local entered, left = names(tonumber(take())), names(tonumber(take()))
  local key = base .. ':a:' .. address
  local history = base .. ':j:' .. address
  local stored = heads[address] or redis.call('HMGET', key, 'revision', 'turn', 'position')
  local storedRevision = tonumber(stored[1] or '0')
  local past = nil
  if storedRevision > revision then
    -- An earlier turn of a batch whose reply was lost: it is in the journal.
    past = redis.call('XRANGE', history, revision .. '-0', revision .. '-0')[1]
  end
  if storedRevision == revision and stored[2] == turn then
    results[#results + 1] = {'committed', epoch, storedRevision, tonumber(stored[3] or '0')}
  elseif past and past[2][4] == turn then
    results[#results + 1] = {'committed', epoch, storedRevision, tonumber(past[2][6])}
  elseif owner > epoch then
    results[#results + 1] = {'stale', owner, storedRevision, 0}
  elseif storedRevision ~= revision - 1 and not (forward and storedRevision < revision) then
    local cause = 'conflict'
    if storedRevision < revision - 1 then cause = 'behind' end
    results[#results + 1] = {cause, epoch, storedRevision, 0}
  else
    local position = 0
    if stream ~= '' then
      position = redis.call('INCR', base .. ':position')
      redis.call('XADD', base .. ':stream', 'MAXLEN', '~', streamMost, position .. '-0', 'r', stream)
    end
    if body == '' then heads[address] = {revision, turn, position}
    else redis.call('HSET', key, 'revision', revision, 'turn', turn, 'position', position, 'body', body) end
    redis.call('XADD', history, 'MAXLEN', '~', journalMost, revision .. '-0', 'r', journal, 't', turn, 'p', position)
    if storedRevision == 0 then redis.call('SADD', base .. ':members', address) end
    for _, message in ipairs(messages) do redis.call('HSET', base .. ':o:' .. address, message[1], message[2]) end
    for _, mark in ipairs(marks) do redis.call('HSET', base .. ':i:' .. address, mark[1], mark[2]) end
    if generation ~= '0' then redis.call('HSET', base .. ':d:' .. address, generation, document) end
    for _, name in ipairs(entered) do redis.call('SADD', base .. ':x:' .. name, address) end
    for _, name in ipairs(left) do redis.call('SREM', base .. ':x:' .. name, address) end
    if ended ~= '' then redis.call('ZADD', base .. ':ended', ended, address) end
    results[#results + 1] = {'committed', epoch, revision, position}
  end
end
return results
`;

/**
 * KEYS[1]: the world's key. ARGV: a fresh world id, the least epoch. Gives world id and epoch of the new owner,
 * no id when the store holds half a copy.
 */
export const openScript = `
if redis.call('HEXISTS', KEYS[1], 'copying') == 1 then return {'', 0} end
local id = redis.call('HGET', KEYS[1], 'id')
if not id then id = ARGV[1]; redis.call('HSET', KEYS[1], 'id', id) end
local epoch = math.max(tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0'), tonumber(ARGV[2])) + 1
redis.call('HSET', KEYS[1], 'epoch', epoch)
return {id, epoch}
`;

/** KEYS[1]: a shard's base. ARGV: epoch. Shuts older owners out. Gives the epoch in force. */
export const fenceScript = `
local owner = tonumber(redis.call('GET', KEYS[1] .. ':epoch') or '0')
local epoch = tonumber(ARGV[1])
if owner < epoch then redis.call('SET', KEYS[1] .. ':epoch', epoch); owner = epoch end
return owner
`;

/** KEYS: the world's key, the set of shards. ARGV: epoch, shard. Only the owner begins a shard. Gives the owner's epoch. */
export const introduceScript = `
local owner = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if owner <= tonumber(ARGV[1]) then redis.call('SADD', KEYS[2], ARGV[2]) end
return owner
`;

/** KEYS: the world's key, the settings, their names. ARGV: epoch, name, and a value unless it goes. Gives the owner's epoch. */
export const settingScript = `
local owner = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if owner > tonumber(ARGV[1]) then return owner end
if ARGV[3] then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
  redis.call('ZADD', KEYS[3], 0, ARGV[2])
else
  redis.call('HDEL', KEYS[2], ARGV[2])
  redis.call('ZREM', KEYS[3], ARGV[2])
end
return owner
`;
