'use strict'

// types/signatures.json says what TypeScript users will be told about replies: here the replies are
// held against it, those of every command, with and without Buffers, in both mappings.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const signatures = require('../types/signatures.json')
const { newRedis, twin } = require('./lib/twin')

const SHA = '890233c94faee9801fb9b69aef7c7dd33a24aaa1'
const LIBRARY = `#!lua\tname=lib
redis.register_function('f',function(k)return{k[1]}end)
redis.register_function{function_name='r',callback=function()return(1)end,flags={'no-writes'}}`

/** One of each type, filled before every sample. */
const DATA = [
  ['mset', 's', 'text', 'n', '10', 's2', 'next'],
  ['hset', 'h', 'f', '1', 'g', '2'],
  ['rpush', 'l', 'a', 'b', 'c'],
  ['sadd', 'st', 'a', 'b'],
  ['sadd', 'st2', 'b', 'c'],
  ['zadd', 'z', '1', 'a', '2.5', 'b'],
  ['zadd', 'z2', '3', 'b'],
  ['geoadd', 'geo', '15', '37', 'a', '15.5', '37.5', 'b'],
  ['pfadd', 'pf', 'a'],
  ['xadd', 'x', '1-1', 'f', 'v'],
  ['xgroup', 'CREATE', 'x', 'g', '0'],
  ['xgroup', 'CREATE', 'x', 'g2', '0'],
  ['xreadgroup', 'GROUP', 'g', 'c', 'STREAMS', 'x', '>'],
  ['script', 'LOAD', 'return{KEYS[1]}'],
  ['function', 'LOAD', 'REPLACE', LIBRARY],
]

/**
 * Per command the words of its samples; where it has several forms, an object from form to samples.
 * `-` is a command that cannot be called here: it would end the client, or needs another one.
 */
const SAMPLES = {
  'acl|cat': ['', 'transaction'],
  'acl|deluser': ['nobody'],
  'acl|dryrun': ['default get x'],
  'acl|genpass': ['', '8'],
  'acl|getuser': ['default', 'nobody'],
  'acl|help': [''],
  'acl|list': [''],
  // there is no file to load
  'acl|load': '-',
  'acl|log': { 'without operation': [''], 'count:integer': ['1'], RESET: ['RESET'] },
  'acl|save': '-',
  'acl|setuser': ['somebody on +get', 'somebody reset'],
  'acl|users': [''],
  'acl|whoami': [''],
  append: ['s x'],
  asking: '-',
  auth: '-',
  bgrewriteaof: '-',
  bgsave: '-',
  bitcount: ['s', 's 0 -1 BIT', 'none'],
  bitfield: ['s GET u8 0 OVERFLOW FAIL INCRBY u2 100 10', 's SET i5 3 1'],
  bitfield_ro: ['s GET u8 0 GET i4 #1', 'none GET u8 0'],
  bitop: {
    '': ['AND new s s2', 'NOT new s'],
    'DIFF destkey:key key:key ...key:key': ['DIFF new s s2'],
    'DIFF1 destkey:key key:key ...key:key': ['DIFF1 new s s2'],
    'ANDOR destkey:key key:key ...key:key': ['ANDOR new s s2'],
    'ONE destkey:key ...key:key': ['ONE new s s2'],
  },
  bitpos: ['s 1', 's 0 2 -1 BIT'],
  blmove: ['l l2 LEFT RIGHT 0.01', 'none l2 LEFT RIGHT 0.01'],
  blmpop: ['0.01 1 l LEFT COUNT 2', '0.01 1 none LEFT'],
  blpop: ['l 0.01', 'none 0.01'],
  brpop: ['l 0.01', 'none 0.01'],
  brpoplpush: ['l l2 0.01', 'none l2 0.01'],
  bzmpop: ['0.01 1 z MIN COUNT 2', '0.01 1 none MAX'],
  bzpopmax: ['z 0.01', 'none 0.01'],
  bzpopmin: ['z 0.01', 'none 0.01'],
  'cl.throttle': ['limit 5 10 60', 'limit 5 10 60 2 PX'],
  'client|caching': '-',
  'client|capa': ['redirect'],
  'client|getname': [''],
  'client|getredir': [''],
  'client|help': [''],
  'client|id': [''],
  'client|info': [''],
  'client|kill': { '...filter:string': ['ID 99999'] },
  'client|list': { '...filter:string': ['', 'TYPE normal'] },
  'client|no-evict': ['OFF'],
  'client|no-touch': ['OFF'],
  'client|pause': '-',
  'client|reply': ['ON'],
  'client|setinfo': ['LIB-NAME test'],
  'client|setname': ['test'],
  'client|tracking': ['OFF'],
  'client|trackinginfo': [''],
  'client|unblock': ['99999'],
  'client|unpause': [''],
  'cluster|addslots': '-',
  'cluster|addslotsrange': '-',
  'cluster|bumpepoch': '-',
  'cluster|count-failure-reports': '-',
  'cluster|countkeysinslot': '-',
  'cluster|delslots': '-',
  'cluster|delslotsrange': '-',
  'cluster|failover': '-',
  'cluster|flushslots': '-',
  'cluster|forget': '-',
  'cluster|getkeysinslot': '-',
  'cluster|help': '-',
  'cluster|info': '-',
  'cluster|keyslot': '-',
  'cluster|links': '-',
  'cluster|meet': '-',
  'cluster|myid': '-',
  'cluster|myshardid': '-',
  'cluster|nodes': '-',
  'cluster|replicas': '-',
  'cluster|replicate': '-',
  'cluster|reset': '-',
  'cluster|saveconfig': '-',
  'cluster|set-config-epoch': '-',
  'cluster|setslot': '-',
  'cluster|shards': '-',
  'cluster|slaves': '-',
  'cluster|slot-stats': '-',
  'cluster|slots': '-',
  command: [''],
  'command|count': [''],
  'command|docs': ['get'],
  'command|getkeys': ['mset a 1 b 2'],
  'command|getkeysandflags': ['set a 1'],
  'command|help': [''],
  'command|info': ['get none'],
  'command|list': ['', 'FILTERBY PATTERN x*'],
  'config|get': ['maxmemory*'],
  'config|help': [''],
  'config|resetstat': [''],
  'config|rewrite': '-',
  'config|set': ['maxmemory-samples 5'],
  copy: ['s new', 'none new'],
  dbsize: [''],
  debug: '-',
  decr: ['n'],
  decrby: ['n 2'],
  del: ['s none'],
  delex: ['s', 's IFEQ text', 's IFNE text'],
  delifeq: ['s text', 's other'],
  digest: ['s', 'none'],
  discard: '-',
  dump: ['s', 'none'],
  echo: ['x'],
  eval: ['return{KEYS[1]} 1 s', 'return 0'],
  eval_ro: ['return{KEYS[1]} 1 s'],
  evalsha: [`${SHA} 1 s`],
  evalsha_ro: [`${SHA} 1 s`],
  exists: ['s s none'],
  expire: ['s 10', 'none 10'],
  expireat: ['s 2000000000'],
  expiretime: ['s'],
  failover: '-',
  fcall: ['f 1 s', 'r 0'],
  fcall_ro: ['r 0'],
  flushall: [''],
  flushdb: ['ASYNC'],
  'function|delete': ['lib'],
  'function|dump': [''],
  'function|flush': ['', 'SYNC'],
  'function|help': [''],
  'function|kill': '-',
  'function|list': ['', 'WITHCODE LIBRARYNAME l*', 'LIBRARYNAME none'],
  'function|load': [`REPLACE ${LIBRARY}`],
  // its payload is no text
  'function|restore': '-',
  'function|stats': [''],
  geoadd: ['geo 1 2 a'],
  geodist: ['geo a b', 'geo a none'],
  geohash: ['geo a none'],
  geopos: ['geo a none'],
  georadius: {
    'without withcoord withdist withhash store': ['geo 15 37 200 km'],
    '': ['geo 15 37 200 km WITHCOORD WITHDIST WITHHASH', 'geo 15 37 200 km STORE new'],
  },
  georadius_ro: {
    'without withcoord withdist withhash': ['geo 15 37 200 km'],
    '': ['geo 15 37 200 km WITHCOORD WITHDIST WITHHASH'],
  },
  georadiusbymember: {
    'without withcoord withdist withhash store': ['geo a 200 km'],
    '': ['geo a 200 km WITHCOORD WITHHASH', 'geo a 200 km STOREDIST new'],
  },
  georadiusbymember_ro: {
    'without withcoord withdist withhash': ['geo a 200 km'],
    '': ['geo a 200 km WITHCOORD WITHDIST'],
  },
  geosearch: {
    'without withcoord withdist withhash': ['geo FROMMEMBER a BYRADIUS 200 km ASC'],
    '': ['geo FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST'],
  },
  geosearchstore: ['new geo FROMMEMBER a BYRADIUS 200 km'],
  get: ['s', 'none'],
  getbit: ['s 1'],
  getdel: ['s', 'none'],
  getex: ['s EX 10', 'none'],
  getrange: ['s 0 1', 'none 0 1'],
  getset: ['s x', 'none x'],
  hdel: ['h f none'],
  hello: { '...protocolAndOptions:string': [''] },
  hexists: ['h f'],
  hexpire: ['h 100 FIELDS 2 f none'],
  hexpireat: ['h 33177117420 FIELDS 1 f'],
  hexpiretime: ['h FIELDS 2 f none'],
  hget: ['h f', 'h none'],
  hgetall: ['h', 'none'],
  hgetdel: ['h FIELDS 2 f none'],
  hgetex: ['h EX 100 FIELDS 2 f none'],
  hincrby: ['h f 2'],
  hincrbyfloat: ['h f 0.5'],
  hkeys: ['h'],
  hlen: ['h'],
  hmget: ['h f none'],
  hmset: { '': ['h f 1 g 2'] },
  hpersist: ['h FIELDS 2 f none'],
  hpexpire: ['h 100000 FIELDS 1 f'],
  hpexpireat: ['h 33177117420123 FIELDS 1 f'],
  hpexpiretime: ['h FIELDS 2 f none'],
  hpttl: ['h FIELDS 2 f none'],
  hrandfield: {
    'key:key': ['h', 'none'],
    'key:key count:integer': ['h 2', 'none 2'],
    'key:key count:integer WITHVALUES': ['h 2 WITHVALUES', 'none 2 WITHVALUES'],
  },
  hscan: ['h 0 COUNT 10'],
  hset: { '': ['h f 1 new 2'] },
  hsetex: ['h EX 100 FIELDS 1 f 3'],
  hsetnx: ['h f 1'],
  hstrlen: ['h f'],
  httl: ['h FIELDS 2 f none'],
  hvals: ['h'],
  incr: ['n'],
  incrby: ['n 2'],
  incrbyfloat: ['n 0.5'],
  info: ['', 'server'],
  keys: ['*'],
  lastsave: [''],
  'latency|doctor': [''],
  'latency|graph': '-',
  'latency|help': [''],
  'latency|histogram': ['get'],
  'latency|history': ['command'],
  'latency|latest': [''],
  'latency|reset': [''],
  lcs: {
    'without len idx min-match-len withmatchlen': ['s s2', 's none'],
    'key1:key key2:key LEN': ['s s2 LEN'],
    '': ['s s2 IDX WITHMATCHLEN'],
  },
  lindex: ['l 0', 'l 10'],
  linsert: ['l BEFORE b x'],
  'lk.slide': ['slide 1000 5', 'slide 1000 5 0'],
  'lk.window': ['window 1000', 'window 1000 -1'],
  llen: ['l'],
  lmove: ['l l2 LEFT RIGHT', 'none l2 LEFT RIGHT'],
  lmpop: ['1 l LEFT', '1 none LEFT'],
  lolwut: ['', 'VERSION 5'],
  lpop: { 'without count': ['l', 'none'], '': ['l 2', 'none 2'] },
  lpos: { 'without num-matches': ['l b', 'l none'], '': ['l b COUNT 0'] },
  lpush: ['l x y'],
  lpushx: ['l x'],
  lrange: ['l 0 -1'],
  lrem: ['l 0 a'],
  lset: ['l 0 x'],
  ltrim: ['l 0 1'],
  'memory|doctor': [''],
  'memory|help': [''],
  'memory|malloc-stats': [''],
  'memory|purge': [''],
  'memory|stats': [''],
  'memory|usage': ['s', 'none'],
  mget: ['s none'],
  migrate: ['localhost 1 none 0 10'],
  'module|help': [''],
  'module|list': [''],
  'module|load': '-',
  'module|loadex': '-',
  'module|unload': '-',
  move: ['s 1'],
  mset: { '': ['a 1 b 2'] },
  msetex: ['2 a 1 b 2 EX 10', '1 s 1 NX'],
  msetnx: { '': ['a 1 b 2'] },
  'object|encoding': ['s', 'none'],
  'object|freq': ['none'],
  'object|help': [''],
  'object|idletime': ['s', 'none'],
  'object|refcount': ['s', 'none'],
  persist: ['s'],
  pexpire: ['s 10000'],
  pexpireat: ['s 2000000000000'],
  pexpiretime: ['s'],
  pfadd: ['pf a b', 'pf'],
  pfcount: ['pf', 'pf none'],
  pfdebug: ['ENCODING pf', 'DECODE pf', 'TODENSE pf', 'GETREG pf'],
  pfmerge: ['new pf'],
  pfselftest: [''],
  ping: { 'without message': [''], '': ['x'] },
  psetex: ['s 10000 x'],
  psubscribe: ['a* b*'],
  psync: '-',
  pttl: ['s'],
  publish: ['channel x'],
  'pubsub|channels': [''],
  'pubsub|help': [''],
  'pubsub|numpat': [''],
  'pubsub|numsub': ['a b'],
  'pubsub|shardchannels': [''],
  'pubsub|shardnumsub': ['a b'],
  punsubscribe: '-',
  quit: '-',
  randomkey: [''],
  readonly: '-',
  readwrite: '-',
  rename: ['s new'],
  renamenx: ['s s2'],
  replconf: '-',
  replicaof: ['NO ONE'],
  reset: '-',
  restore: '-',
  role: [''],
  rpop: { 'without count': ['l', 'none'], '': ['l 2', 'none 2'] },
  rpoplpush: ['l l2', 'none l2'],
  rpush: ['l x y'],
  rpushx: ['l x'],
  sadd: ['st x y'],
  save: '-',
  scan: ['0', '0 MATCH s* COUNT 100 TYPE string'],
  scard: ['st'],
  'script|debug': ['NO'],
  'script|exists': [`${SHA} none`],
  'script|flush': ['', 'SYNC'],
  'script|help': [''],
  'script|kill': '-',
  'script|load': ['return'],
  'script|show': [SHA],
  sdiff: ['st st2'],
  sdiffstore: ['new st st2'],
  select: ['0'],
  set: {
    'without condition get': ['s x', 's x EX 10'],
    'without get': ['s x NX', 'new x PX 1000 NX'],
    '': ['s x GET', 'new x GET'],
    'key:key value:string [IFEQ value:string | IFNE value:string | IFDEQ digest:string | IFDNE digest:string] [EX seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | KEEPTTL]':
      ['s x IFEQ text EX 10', 's x IFNE text'],
    'key:key value:string [IFEQ value:string | IFNE value:string | IFDEQ digest:string | IFDNE digest:string] GET [EX seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | KEEPTTL]':
      ['s x IFEQ text GET', 's x IFEQ other GET KEEPTTL'],
  },
  setbit: ['s 7 1'],
  setex: ['s 10 x'],
  setnx: ['s x'],
  setrange: ['s 2 x'],
  sinter: ['st st2'],
  sintercard: ['2 st st2 LIMIT 5'],
  sinterstore: ['new st st2'],
  sismember: ['st a'],
  slaveof: ['NO ONE'],
  'slowlog|get': [''],
  'slowlog|help': [''],
  'slowlog|len': [''],
  'slowlog|reset': [''],
  smembers: ['st'],
  smismember: ['st a none'],
  smove: ['st st2 a'],
  sort: {
    'without destination': ['l ALPHA', 'l ALPHA GET # GET none_*'],
    '': ['l ALPHA STORE new'],
  },
  sort_ro: ['l ALPHA GET # GET none_*'],
  spop: { 'without count': ['st', 'none'], '': ['st 2', 'none 2'] },
  spublish: ['channel x'],
  srandmember: { 'without count': ['st', 'none'], '': ['st 2', 'none 2'] },
  srem: ['st a'],
  sscan: ['st 0'],
  ssubscribe: ['a'],
  strlen: ['s'],
  subscribe: ['a b'],
  substr: ['s 0 1'],
  sunion: ['st st2'],
  sunionstore: ['new st st2'],
  sunsubscribe: '-',
  shutdown: '-',
  swapdb: ['0 1'],
  sync: '-',
  time: [''],
  touch: ['s none'],
  ttl: ['s'],
  type: ['s', 'none'],
  unlink: ['s none'],
  unsubscribe: '-',
  unwatch: [''],
  wait: ['0 0'],
  waitaof: ['0 0 0'],
  watch: ['s none'],
  xack: ['x g 1-1'],
  xackdel: ['x g IDS 1 1-1'],
  xadd: ['x * f v', 'none NOMKSTREAM * f v'],
  xautoclaim: {
    'without justid': ['x g d 0 0', 'x g d 100000 0 COUNT 1'],
    'key:key group:string consumer:string min-idle-time:string start:string [COUNT count:integer] JUSTID':
      ['x g d 0 0 JUSTID'],
  },
  xclaim: {
    'without justid': ['x g d 0 1-1'],
    'key:key group:string consumer:string min-idle-time:string ...id:string JUSTID': [
      'x g d 0 1-1 JUSTID',
    ],
  },
  xdel: ['x 1-1'],
  xdelex: ['x ACKED IDS 2 1-1 9-9'],
  'xgroup|create': ['x h $'],
  'xgroup|createconsumer': ['x g d'],
  'xgroup|delconsumer': ['x g c'],
  'xgroup|destroy': ['x g'],
  'xgroup|help': [''],
  'xgroup|setid': ['x g 0'],
  'xinfo|consumers': ['x g'],
  'xinfo|groups': ['x'],
  'xinfo|help': [''],
  'xinfo|stream': ['x', 'x FULL'],
  xlen: ['x'],
  xpending: {
    'without filters': ['x g', 'x g2'],
    'key:key group:string [IDLE min-idle-time:integer] start:string end:string count:integer [consumer:string]':
      ['x g - + 10', 'x g IDLE 0 - + 10 c'],
  },
  xrange: ['x - +', 'x - + COUNT 1'],
  xread: ['COUNT 10 STREAMS x 0', 'BLOCK 10 STREAMS none 0'],
  xreadgroup: ['GROUP g c STREAMS x 0', 'GROUP g2 c STREAMS x >', 'GROUP g c STREAMS x >'],
  xrevrange: ['x + -'],
  xsetid: ['x 5-1'],
  xtrim: ['x MAXLEN 0'],
  zadd: {
    'key:key [NX | XX] [GT | LT] [CH] INCR score:double member:string': [
      'z INCR 1 a',
      'z NX INCR 1 a',
    ],
    '': ['z CH 5 a 6 new'],
  },
  zcard: ['z'],
  zcount: ['z 0 +inf'],
  zdiff: {
    'numkeys:integer ...key:key WITHSCORES': ['2 z z2 WITHSCORES'],
    '': ['2 z z2'],
  },
  zdiffstore: ['new 2 z z2'],
  zincrby: ['z 1 a'],
  zinter: {
    'numkeys:integer ...keyAndOption:string WITHSCORES': ['2 z z2 WITHSCORES'],
    '': ['2 z z2 WEIGHTS 1 2'],
  },
  zintercard: ['2 z z2'],
  zinterstore: ['new 2 z z2 AGGREGATE MAX'],
  zlexcount: ['z - +'],
  zmpop: ['1 z MIN COUNT 2', '1 none MIN'],
  zmscore: ['z a none'],
  zpopmax: { 'without count': ['z', 'none'], '': ['z 2', 'none 2'] },
  zpopmin: { 'without count': ['z', 'none'], '': ['z 2', 'none 2'] },
  zrandmember: {
    'key:key': ['z', 'none'],
    'key:key count:integer': ['z 2', 'none 2'],
    'key:key count:integer WITHSCORES': ['z 2 WITHSCORES', 'none 2 WITHSCORES'],
  },
  zrange: {
    'without withscores': ['z 0 -1', 'z (1 +inf BYSCORE LIMIT 0 1'],
    '': ['z 0 -1 WITHSCORES', 'z 0 -1 REV WITHSCORES'],
  },
  zrangebylex: ['z - +'],
  zrangebyscore: { 'without withscores': ['z 0 5'], '': ['z 0 5 WITHSCORES LIMIT 0 1'] },
  zrangestore: ['new z 0 -1'],
  zrank: { 'without withscore': ['z a', 'z none'], '': ['z a WITHSCORE', 'z none WITHSCORE'] },
  zrem: ['z a'],
  zremrangebylex: ['z - +'],
  zremrangebyrank: ['z 0 0'],
  zremrangebyscore: ['z 0 1'],
  zrevrange: { 'without withscores': ['z 0 -1'], '': ['z 0 -1 WITHSCORES'] },
  zrevrangebylex: ['z + -'],
  zrevrangebyscore: { 'without withscores': ['z 5 0'], '': ['z 5 0 WITHSCORES'] },
  zrevrank: { 'without withscore': ['z a', 'z none'], '': ['z a WITHSCORE', 'z none WITHSCORE'] },
  zscan: ['z 0'],
  zscore: ['z a', 'z none'],
  zunion: {
    'numkeys:integer ...keyAndOption:string WITHSCORES': ['2 z z2 WITHSCORES'],
    '': ['2 z z2'],
  },
  zunionstore: ['new 2 z z2'],
}

/** Answers a function that tells whether a value is of the TypeScript type `text`. */
function typeCheck(text, inBuffers) {
  const words = text.match(/'[^']*'|\w+(?=:)|\w+|\.{3}|[[\]|():,<>]/g)
  let at = 0
  const eat = (word) => words[at] === word && ++at > 0

  function union() {
    const branches = [suffixed()]
    while (eat('|')) branches.push(suffixed())
    return (value) => branches.some((is) => is(value))
  }

  function suffixed() {
    let is = single()
    while (words[at] === '[' && words[at + 1] === ']') {
      at += 2
      const item = is
      is = (value) => Array.isArray(value) && value.every(item)
    }
    return is
  }

  function single() {
    if (eat('(')) {
      const is = union()
      at++
      return is
    }
    return eat('[') ? tuple() : named(words[at++])
  }

  function tuple() {
    const items = []
    let rest = (value) => value.length === 0
    while (!eat(']')) {
      const isRest = eat('...')
      if (words[at + 1] === ':') at += 2
      if (isRest) rest = union()
      else items.push(union())
      eat(',')
    }
    return (value) =>
      Array.isArray(value) &&
      value.length >= items.length &&
      items.every((is, i) => is(value[i])) &&
      rest(value.slice(items.length))
  }

  function named(word) {
    if (word === 'S') return inBuffers ? Buffer.isBuffer : (value) => typeof value === 'string'
    if (/^\d+$/.test(word)) return (value) => value === Number(word)
    if (word.startsWith("'")) {
      const literal = word.slice(1, -1)
      return (value) =>
        inBuffers ? Buffer.isBuffer(value) && `${value}` === literal : value === literal
    }
    if (word === 'StreamEntry') {
      at += 3 // <S>
      const field = named('S')
      return ([id, fields]) => field(id) && fields.every(field)
    }
    if (word === 'Record') {
      at += 3 // <string,
      const held = union()
      at++
      return (value) => value?.constructor === Object && Object.values(value).every(held)
    }
    return {
      unknown: () => true,
      null: (value) => value === null,
      string: (value) => typeof value === 'string',
      number: (value) => typeof value === 'number',
    }[word]
  }

  const is = union()
  assert.equal(at, words.length, `cannot read the type ${text}`)
  return is
}

test('the reader of types knows a right value from a wrong one', () => {
  const pair = typeCheck("[key: S, entries: (S | number)[]][] | null | 'OK'", false)
  for (const right of [null, 'OK', [], [['a', []]], [['a', ['b', 1]]]]) assert.ok(pair(right))
  for (const wrong of ['no', 1, ['a'], [['a']], [['a', [null]]]]) assert.ok(!pair(wrong))
  assert.ok(typeCheck("'OK'", true)(Buffer.from('OK')))
  assert.ok(!typeCheck('Record<string, S>', true)({ a: 'text' }))
})

test('there is a sample of every form of every command', () => {
  assert.deepEqual(Object.keys(SAMPLES), Object.keys(signatures))
  for (const [name, samples] of Object.entries(SAMPLES)) {
    if (samples !== '-') assert.deepEqual(forms(samples).map(formOf), formsTried(name), name)
  }
})

/** What no server of the twin has. */
const OURS = new Set([
  'cl.throttle',
  'client|capa',
  'delex',
  'delifeq',
  'digest',
  'hexpire',
  'hexpireat',
  'hexpiretime',
  'hgetdel',
  'hgetex',
  'hpersist',
  'hpexpire',
  'hpexpireat',
  'hpexpiretime',
  'hpttl',
  'hsetex',
  'httl',
  'lk.slide',
  'lk.window',
  'msetex',
  'waitaof',
  'xackdel',
  'xdelex',
])
const NEWER_FORMS = /^(DIFF|DIFF1|ANDOR|ONE) |IFEQ/
const formOf = ([form]) => form
const forms = (entry) =>
  Object.entries(typeof entry === 'object' && !Array.isArray(entry) ? entry : { '': entry })
/** Not those that take an object, which the face turns into the other. */
const formsTried = (name) =>
  forms(signatures[name])
    .map(formOf)
    .filter((form) => !form.includes(':object'))

for (const replyMapping of ['legacy', 'resp3']) {
  for (const suffix of ['', 'Buffer']) {
    test(`replies are of the types told: ${replyMapping}${suffix && ', Buffers'}`, async (t) => {
      for (const [name, samples] of Object.entries(SAMPLES)) {
        if (samples === '-' || (twin === 'ioredis' && OURS.has(name))) continue
        await t.test(name, () => checkCommand(name, samples, suffix, replyMapping))
      }
    })
  }
}

async function checkCommand(name, samples, suffix, replyMapping) {
  const [method, subcommand] = name.split('|')
  for (const [form, lines] of forms(samples)) {
    if (twin === 'ioredis' && NEWER_FORMS.test(form)) continue
    const reply =
      Array.isArray(signatures[name]) || typeof signatures[name] === 'string'
        ? signatures[name]
        : signatures[name][form]
    const [resp2, resp3 = resp2] = [reply].flat()
    const type = replyMapping === 'resp3' ? resp3 : resp2
    const is = typeCheck(type, suffix === 'Buffer')
    for (const line of lines) {
      const words = line === '' ? [] : line.split(' ')
      if (subcommand) words.unshift(subcommand)
      const value = await sample(`${method}${suffix}`, words, replyMapping)
      assert.ok(is(value), `${method} ${line}: ${JSON.stringify(value)} is not ${type}`)
    }
  }
}

/** Every sample has a client and data of its own. */
async function sample(method, words, replyMapping) {
  const redis = newRedis({ replyMapping })
  await redis.multi([['flushall'], ...DATA]).exec()
  const value = await redis[method](...words)
  redis.disconnect()
  return value
}
