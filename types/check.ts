// Checks of the public types, run by `npm run check:types`: nothing here is executed. Each line
// says what a user must be able to write and what comes back; @ts-expect-error marks what must not
// pass, and fails itself when it does.

import Redis, { type ChainableCommander, ReplyError, Store } from 'latchkey'

/** Passes for exactly `Expected`, neither narrower nor wider. */
declare function expectType<Expected>(): <Actual>(
  actual: Actual,
  ...exact: Same<Actual, Expected> extends true ? [] : ['another type', Actual]
) => void

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

const redis = new Redis()
const text = expectType<Promise<string | null>>()
const number = expectType<Promise<number>>()
const strings = expectType<Promise<string[]>>()
const ok = expectType<Promise<'OK'>>()
const chain = expectType<ChainableCommander>()
const unknown = expectType<Promise<unknown>>()

// The checks can fail.
// @ts-expect-error a string that may be null is not a number
number(redis.get('key'))
// @ts-expect-error nor is any wider type the same
expectType<Promise<string | null | undefined>>()(redis.get('key'))

// --- making clients

new Redis(undefined)
new Redis(null)
new Redis('')
new Redis(process.env.REDIS_URL)
new Redis(6379, 'localhost', { db: 1 })
new Redis('redis://localhost', { lazyConnect: true })
new Redis({ host: process.env.REDIS_HOST, keyPrefix: 'app:', retryStrategy: () => null })
expectType<Redis>()(Redis.createClient())
expectType<Redis>()(redis.duplicate({ db: 2 }))
// @ts-expect-error no such option
new Redis({ keyprefix: 'app:' })
// @ts-expect-error a database is a number
new Redis({ db: '1' })

const store = new Store({ maxmemory: '256mb', maxmemoryPolicy: 'allkeys-lru', clock: 'manual' })
new Redis({ store })
expectType<number>()(store.usedMemory())
store.advance(50)
// @ts-expect-error not one of the eight policies
new Store({ maxmemoryPolicy: 'lru' })

// --- strings, and every way to say SET

text(redis.get('key'))
text(redis.get(Buffer.from('key')))
expectType<Promise<Buffer | null>>()(redis.getBuffer('key'))
ok(redis.set('key', 'value'))
ok(redis.set('key', 1, 'EX', 60))
ok(redis.set('key', Buffer.of(1), 'px', '60000'))
ok(redis.set('key', 'value', 'KEEPTTL'))
expectType<Promise<'OK' | null>>()(redis.set('key', 'value', 'EX', 10, 'NX'))
expectType<Promise<'OK' | null>>()(redis.set('key', 'value', 'NX', 'PX', 10))
text(redis.set('key', 'value', 'GET'))
text(redis.set('key', 'value', 'XX', 'GET', 'EXAT', 2000000000))
expectType<Promise<Buffer | null>>()(redis.setBuffer('key', 'value', 'GET'))
// @ts-expect-error EX wants seconds
redis.set('key', 'value', 'EX')
// @ts-expect-error no such option
redis.set('key', 'value', 'EXX', 10)
// @ts-expect-error two expiries
redis.set('key', 'value', 'EX', 10, 'PX', 10)
// @ts-expect-error an object is no value
redis.set('key', { a: 1 })
expectType<Promise<(string | null)[]>>()(redis.mget('a', 'b'))
expectType<Promise<(string | null)[]>>()(redis.mget(['a', 'b']))
ok(redis.mset({ a: 1, b: 'two' }))
ok(redis.mset(new Map([['a', 1]])))
ok(redis.mset('a', 1, 'b', 2))
number(redis.incrby('hits', 5))
text(redis.getex('key', 'EX', 10))
text(redis.getset('key', 0))

// --- keys

number(redis.del('a', 'b'))
number(redis.del(['a', 'b']))
number(redis.del(...['a', 'b'], 'c'))
number(redis.expire('key', 10, 'GT'))
expectType<Promise<[cursor: string, elements: string[]]>>()(
  redis.scan('0', 'MATCH', 'user:*', 'COUNT', 100, 'TYPE', 'string'),
)
redis.scan(0, 'COUNT', 100, 'MATCH', 'user:*')
// @ts-expect-error a key is text or bytes
redis.get(1)

// --- hashes

interface User {
  name: string
  age: number
}
const user: User = { name: 'Ada', age: 36 }
number(redis.hset('user:1', user))
number(redis.hset('user:1', new Map([['name', 'Ada']])))
number(redis.hset('user:1', 'name', 'Ada', 'age', 36))
expectType<Promise<Record<string, string>>>()(redis.hgetall('user:1'))
expectType<Promise<Record<string, Buffer>>>()(redis.hgetallBuffer('user:1'))
expectType<Promise<(string | null)[]>>()(redis.hmget('user:1', 'name', 'age'))
text(redis.hrandfield('user:1'))
strings(redis.hrandfield('user:1', 2))
redis.hscan('user:1', 0, 'NOVALUES')

// --- lists

number(redis.rpush('list', 1, 'two', Buffer.of(3)))
text(redis.lpop('list'))
expectType<Promise<string[] | null>>()(redis.lpop('list', 2))
expectType<Promise<[key: string, element: string] | null>>()(redis.blpop('a', 'b', 0))
redis.blpop(['a', 'b'], 0.5)
text(redis.blmove('a', 'b', 'LEFT', 'RIGHT', 0))
expectType<Promise<number | null>>()(redis.lpos('list', 'x', 'RANK', 2))
expectType<Promise<number[]>>()(redis.lpos('list', 'x', 'COUNT', 0, 'MAXLEN', 10))
// @ts-expect-error a list has two ends
redis.lmove('a', 'b', 'TOP', 'RIGHT')

// --- sets and sorted sets

number(redis.sadd('set', ['a', 'b'], 'c'))
strings(redis.smembers('set'))
text(redis.spop('set'))
strings(redis.spop('set', 2))
number(redis.zadd('board', 1, 'a', 2, 'b'))
number(redis.zadd('board', 'GT', 'CH', 1, 'a'))
text(redis.zadd('board', 'INCR', 1, 'a'))
strings(redis.zrange('board', 0, -1))
strings(redis.zrange('board', '(1', '+inf', 'BYSCORE', 'REV', 'LIMIT', 0, 10, 'WITHSCORES'))
strings(redis.zrevrange('board', 0, 9, 'WITHSCORES'))
text(redis.zscore('board', 'a'))
expectType<Promise<number | null>>()(redis.zrank('board', 'a'))
number(redis.zunionstore('out', 2, 'a', 'b', 'WEIGHTS', 1, 2, 'AGGREGATE', 'MAX'))
expectType<Promise<[key: string, member: string, score: string] | null>>()(redis.bzpopmin('z', 0))

// --- streams

text(redis.xadd('events', '*', 'type', 'login'))
text(redis.xadd('events', 'MAXLEN', '~', 1000, '*', 'type', 'login'))
expectType<Promise<[id: string, fields: string[]][]>>()(redis.xrange('events', '-', '+'))
redis.xread('BLOCK', 5000, 'STREAMS', 'events', '$').then((reply) => {
  if (reply === null) return
  const [[key, entries] = ['', []]] = reply
  for (const [id, fields] of entries) key.concat(id, ...fields)
})
redis.xread('COUNT', 10, 'BLOCK', 0, 'STREAMS', 'a', 'b', '0', '0')

// --- callbacks stand last, and the promise comes all the same

text(
  redis.get('key', (err, value) => {
    expectType<Error | null | undefined>()(err)
    expectType<string | null | undefined>()(value)
  }),
)
ok(redis.set('key', 'value', 'EX', 10, (_err, reply) => expectType<'OK' | undefined>()(reply)))
redis.del('a', 'b', (_err, count) => expectType<number | undefined>()(count))
redis.subscribe('a', 'b', (_err, count) => expectType<number | undefined>()(count))
redis.hset('user:1', user, (_err, added) => expectType<number | undefined>()(added))

// --- containers

strings(redis.config('GET', 'maxmemory'))
ok(redis.config('SET', 'maxmemory', '10mb', 'maxmemory-policy', 'allkeys-lru'))
ok(redis.client('SETNAME', 'worker'))
number(redis.client('id'))
strings(redis.pubsub('CHANNELS', 'a*'))

// --- pipelines and transactions

chain(redis.pipeline().set('a', 1).get('a').hset('h', { f: 1 }))
chain(redis.multi([['set', 'a', 1]]).incr('a', (_err, n) => expectType<number | undefined>()(n)))
expectType<Promise<[error: Error | null, result: unknown][] | null>>()(redis.multi().exec())
expectType<number>()(redis.pipeline().length)
redis.pipeline([['get', 'a']]).exec((_err, results) => results?.map(([err]) => err?.message))
ok(redis.multi({ pipeline: false }))
redis.exec().then((results) => results?.length)
redis.watch('a', 'b').then((reply) => expectType<'OK'>()(reply))

// --- calls by name

redis.call('GET', 'key').then((reply) => expectType<unknown>()(reply))
redis.call('MSET', ['a', 1, 'b', 2], (err) => err?.message)
expectType<Promise<any>>()(redis.sendCommand(new Redis.Command('get', ['key'], null)))
Redis.Command.setReplyTransformer('hgetall', (reply: unknown) => reply)

// --- streams over SCAN, events

redis.scanStream({ match: 'a*', count: 10 }).on('data', (keys: string[]) => keys.length)
redis.hscanStream('h', { noValues: true }).close()
redis.on('message', (channel, message) => {
  expectType<string>()(channel)
  expectType<string>()(message)
})
redis.once('pmessageBuffer', (pattern, channel, message) => {
  expectType<string>()(pattern)
  expectType<Buffer>()(channel)
  expectType<Buffer>()(message)
})
redis.on('error', (error) => {
  if (error instanceof ReplyError) expectType<string>()(error.command.name)
})
redis.on('my own', (...args) => args.length)
redis.off('ready', () => {}).removeAllListeners('end')
redis.monitor().then((monitor) => monitor.on('monitor', (_time, args) => args.join(' ')))
if (redis.status === 'ready') redis.disconnect()
// @ts-expect-error no such status
if (redis.status === 'open') redis.quit()

// --- replyMapping: 'resp3'

const mapped = new Redis({ replyMapping: 'resp3' })
expectType<Redis<'resp3'>>()(mapped)
expectType<Promise<number | null>>()(mapped.zscore('board', 'a'))
expectType<Promise<[member: string, score: number][]>>()(
  mapped.zrange('board', 0, -1, 'WITHSCORES'),
)
expectType<Promise<Record<string, string>>>()(mapped.config('GET', '*'))
text(mapped.duplicate({ replyMapping: 'legacy' }).zscore('board', 'a'))

// --- commands of one's own

declare module 'latchkey' {
  interface RedisCommander<Context> {
    cached(key: string, callback?: Redis.Callback<string>): Redis.Result<string, Context>
    myecho(key: string, value: string): Result<string, Context>
    myechoBuffer(key: string, value: string): Result<Buffer, Context>
    'addJob:1.0'(args: (string | Buffer)[]): Result<number, Context>
  }
}
expectType<Promise<string>>()(redis.cached('key'))
chain(redis.pipeline().cached('key'))

// --- scripts

redis.defineCommand('myecho', { numberOfKeys: 1, lua: 'return {KEYS[1], ARGV[1]}' })
redis.defineCommand('any', { lua: 'return #KEYS', readOnly: true })
new Redis({ scripts: { myecho: { lua: 'return KEYS[1]', numberOfKeys: 1 } } })
expectType<Promise<string>>()(redis.myecho('key', 'value'))
expectType<Promise<Buffer>>()(redis.myechoBuffer('key', 'value'))
expectType<Promise<number>>()(redis['addJob:1.0'](['key', Buffer.of(1)]))
chain(redis.pipeline().myecho('key', 'value').get('key')['addJob:1.0'](['key']))
chain(redis.multi().myechoBuffer('key', 'value'))
declare const chained: ChainableCommander
chain(chained.myecho('key', 'value'))
// @ts-expect-error its second word is missing
redis.myecho('key')
// @ts-expect-error a script has a text
redis.defineCommand('myecho', { numberOfKeys: 1 })
unknown(redis.eval('return ARGV[1]', 0, 'value'))
unknown(redis.eval('return ARGV[1]', 2, ['key', 'key2'], ['value', 1, Buffer.of(1)]))
unknown(redis.evalsha('f'.repeat(40), '1', 'key', (_err, reply) => reply))
unknown(redis.eval_ro('return 1', 0))
text(redis.script('LOAD', 'return 1').then((sha): string | null => sha))
expectType<Promise<number[]>>()(redis.script('EXISTS', 'f'.repeat(40)))
ok(redis.script('FLUSH', 'ASYNC'))
unknown(redis.fcallBuffer('visit', 1, 'key', 5))
expectType<Promise<string>>()(redis.function('LOAD', 'REPLACE', '#!lua name=mine'))
expectType<Promise<Buffer>>()(redis.functionBuffer('DUMP'))
// @ts-expect-error a number of keys comes before them
redis.eval('return 1')

// --- what belongs to other clients is not here

// @ts-expect-error node-redis has this
redis.scanIterator
// @ts-expect-error node-redis has this
redis.isOpen
// @ts-expect-error node-redis has this
redis.pSubscribe
