// Random programs in Lua: commands that are called, values that are converted there and back,
// errors on the way. What tells addresses, time or chance is not drawn.

const KEYS = ['text', 'number', 'list', 'hash', 'scores', 'words', 'missing', 'other']
const NUMBERS = '1.5 -0 1e15 1e16 2^53 -2.9 0/0 1/0 -1/0 1e300 0.1 3 1e14+0.5'.split(' ')
const CALLS = [
  "'GET', KEY",
  "'SET', KEY, NUMBER",
  "'SET', 'text', 'x', 'GET'",
  "'INCR', KEY",
  "'INCRBYFLOAT', 'number', NUMBER",
  "'LRANGE', KEY, 0, -1",
  "'LPUSH', KEY, 'a', 1, 2.5",
  "'LPOP', KEY, 2",
  "'HSET', KEY, 'f', NUMBER",
  "'HGETALL', KEY",
  "'HMGET', KEY, 'f', 'g'",
  "'ZADD', KEY, NUMBER, 'm'",
  "'ZRANGE', KEY, 0, -1, 'WITHSCORES'",
  "'ZSCORE', KEY, 'm'",
  "'ZMSCORE', KEY, 'm', 'n'",
  "'SADD', KEY, 'a'",
  "'SMISMEMBER', KEY, 'a', 'b'",
  "'XADD', KEY, '*', 'f'",
  "'TYPE', KEY",
  "'DEL', KEY",
  "'MGET', 'text', 'missing', 'list'",
  "'BLPOP', 'missing', 0",
  "'ECHO', VALUE",
  "'APPEND', 'text', VALUE",
  "'SELECT', 1",
  "'PING'",
  "'NOSUCH'",
  "'GET'",
  "'MULTI'",
  "'SUBSCRIBE', 'news'",
  "'PUBLISH', 'news', 'm'",
]
const TABLES = [
  '{VALUE, VALUE}',
  '{1, 2, nil, VALUE}',
  '{}',
  "{ok = 'fine'}",
  '{ok = 1}',
  "{err = 'ERR bad'}",
  "{err = '-X y'}",
  '{double = NUMBER}',
  '{map = {a = VALUE}}',
  '{set = {a = true}}',
  "{big_number = '123456789012345678901234567890'}",
  "{verbatim_string = {format = 'txt', string = 'hello'}}",
]
const VALUES = ['NUMBER', 'NUMBER', "'a'", "'3.5'", "''", 'true', 'false', 'nil', 'TABLE', 'r']
const RESULTS = [
  'VALUE',
  'TABLE',
  'CALL',
  'CALL',
  '{CALL, CALL}',
  '{pcall(function() return CALL end)}',
  '{pcall(redis.call, WORDS)}',
  'cjson.encode(VALUE)',
  'cjson.encode(CALL)',
  'cmsgpack.pack(VALUE)',
  'cmsgpack.unpack(cmsgpack.pack(TABLE))',
  "cjson.decode('[1,2.5,null,{}]')",
  "redis.error_reply('My err')",
  "redis.status_reply('fine')",
  "string.format('%s %d', NUMBER, VALUE)",
  'tonumber(VALUE)',
  'VALUE .. VALUE',
  'VALUE + VALUE',
  'bit.bxor(NUMBER, VALUE)',
  "struct.pack('>I2', VALUE)",
  "select('#', unpack(TABLE))",
]
const STEPS = [
  'r = RESULT',
  'CALL',
  'if VALUE then CALL end',
  'for i = 1, 3 do CALL end',
  'redis.setresp(3)',
  "error({err = 'ERR e'})",
]

/** @param {import('./random-transcript.mjs').Dice} dice */
export function randomScript(dice) {
  const steps = Array.from({ length: dice.below(4) }, () => dice.pick(STEPS))
  return grown(`local r = 1 ${steps.join(' ')} return RESULT`, dice, 4)
}

/** Puts something in the place of every word in capitals; what nests too deep ends. */
function grown(text, dice, depth) {
  const drawn = (list) => grown(dice.pick(list), dice, depth - 1)
  return text.replace(/\b(RESULT|CALL|WORDS|VALUE|TABLE|NUMBER|KEY)\b/g, (word) => {
    if (word === 'NUMBER') return dice.pick(NUMBERS)
    if (word === 'KEY') return `'${dice.pick(KEYS)}'`
    if (depth < 0) return '7'
    if (word === 'WORDS') return drawn(CALLS)
    if (word === 'CALL') return `redis.${dice.pick(['call', 'pcall', 'pcall'])}(${drawn(CALLS)})`
    return drawn({ RESULT: RESULTS, VALUE: VALUES, TABLE: TABLES }[word])
  })
}
