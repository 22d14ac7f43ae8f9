'use strict'

// What is exported, what is not, and how a client is made: addresses, the environment, stores.

const { test, afterEach } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { spawnSync } = require('node:child_process')
const { join } = require('node:path')
const Redis = require('..')

const root = join(__dirname, '..')
let clients = []

function newRedis(...args) {
  const client = new Redis(...args)
  clients.push(client)
  return client
}

afterEach(() => {
  for (const client of clients) client.disconnect()
  clients = []
})

/** Runs a script in a process of its own. */
function inProcess(script, env = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 20_000,
  })
  return { status, stdout: stdout.trim(), stderr }
}

test('a client stays an object whose methods V8 finds without a search', () => {
  const { stdout, stderr } = inProcess(`
    require('node:v8').setFlagsFromString('--allow-natives-syntax')
    const isFast = new Function('object', 'return %HasFastProperties(object)')
    const Redis = require('.')
    const redis = new Redis({ store: new Redis.Store(), keyPrefix: 'app:' })
    redis.once('ready', async () => {
      await redis.set('k', 'v')
      redis.defineCommand('echo2', { numberOfKeys: 0, lua: 'return ARGV[1]' })
      redis.on('message', () => {})
      await redis.subscribe('news')
      await redis.select(1)
      console.log(isFast(redis))
      redis.disconnect()
    })`)
  assert.equal(stdout, 'true', stderr)
})

test('the class is called Redis and exported by all its names', async () => {
  assert.equal(Redis.name, 'Redis')
  assert.equal(Redis.Redis, Redis)
  assert.equal(Redis.default, Redis)
  assert.equal(newRedis().constructor.name, 'Redis')
  assert.ok(Redis.createClient({ lazyConnect: true }) instanceof Redis)
  const module = await import('../index.js')
  assert.equal(module.default, Redis)
  assert.equal(module.Redis, Redis)
  for (const name of [
    'Command',
    'Pipeline',
    'ScanStream',
    'ReplyError',
    'AbstractConnector',
    'SentinelConnector',
    'SentinelIterator',
    'Cluster',
    'Store',
    'print',
  ]) {
    assert.equal(typeof Redis[name], 'function', name)
    assert.equal(module[name], Redis[name], name)
  }
  assert.equal(Redis.Promise, Promise)
  assert.equal(Redis.defaultOptions.maxRetriesPerRequest, 20)
})

test('options and flags have the names and values of ioredis', () => {
  const { Redis: Peer, Command } = require('ioredis')
  const told = (options) => {
    const { host, port, ...rest } = options
    return Object.fromEntries(Object.entries(rest).filter(([, v]) => typeof v !== 'function'))
  }
  assert.deepEqual(told(Redis.defaultOptions), told(Peer.defaultOptions))
  assert.deepEqual(
    Object.keys(Redis.defaultOptions).sort(),
    Object.keys(Peer.defaultOptions).sort(),
  )
  assert.equal(Redis.defaultOptions.sentinelRetryStrategy(7), 70)
  assert.equal(Redis.defaultOptions.sentinelReconnectStrategy(), 60000)
  const known = (lists) => {
    return Object.fromEntries(
      Object.entries(lists).map(([flag, names]) => [flag, names.filter((n) => n !== 'blmovem')]),
    )
  }
  assert.deepEqual(known(Redis.Command.FLAGS), known(Command.FLAGS))
  assert.equal(Redis.Command.getFlagMap().BLOCKING_COMMANDS.xread, true)
})

test('what tells other clients apart is not there', () => {
  const redis = newRedis({ lazyConnect: true })
  for (const name of [
    'scanIterator',
    'masters',
    'slots',
    'pSubscribe',
    'sSubscribe',
    'isOpen',
    'isReady',
    'getSentinelNode',
  ]) {
    assert.equal(name in redis, false, name)
  }
})

test('every command of a server has its method and a Buffer twin', () => {
  const redis = newRedis({ lazyConnect: true })
  const pipeline = redis.pipeline()
  const commands = redis.getBuiltinCommands()
  assert.ok(commands.length > 200)
  for (const name of commands) {
    assert.equal(typeof redis[name], 'function', name)
    assert.equal(typeof redis[`${name}Buffer`], 'function', name)
    assert.equal(typeof pipeline[name], 'function', name)
    assert.equal(typeof pipeline[`${name}Buffer`], 'function', name)
  }
})

test('Cluster is another class, which explains itself', () => {
  assert.notEqual(Redis.Cluster, Redis)
  assert.equal(Redis.Cluster.name, 'Cluster')
  assert.equal(newRedis() instanceof Redis.Cluster, false)
  assert.throws(() => new Redis.Cluster(), /addresses of the nodes of a real cluster/)
  assert.throws(() => new Redis.Cluster([{ host: 'a', port: 1 }]), /cannot reach one yet/)
})

test('a script that a transaction did not run is sent whole again', async () => {
  const store = new Redis.Store()
  const redis = newRedis({ store })
  const other = newRedis({ store })
  const lua = `return redis.call('INCR', KEYS[1]) -- ${process.pid}`
  redis.defineCommand('up', { numberOfKeys: 1, lua })
  await redis.watch('n')
  await other.set('n', 1)
  assert.equal(await redis.multi().up('n').exec(), null)
  assert.deepEqual(await redis.multi().up('n').exec(), [[null, 2]])
  assert.equal(await redis.up('n'), 3)
  await other.script('FLUSH')
  // too late to send it again, but not for the next time
  const [[error]] = await redis.multi().up('n').exec()
  assert.match(error.message, /^NOSCRIPT/)
  assert.deepEqual(await redis.multi().up('n').upBuffer('n').exec(), [
    [null, 4],
    [null, 5],
  ])
})

test('a method of one client called on another runs there', async () => {
  const redis = newRedis({ store: new Redis.Store() })
  const elsewhere = newRedis({ store: new Redis.Store() })
  redis.defineCommand('up', { numberOfKeys: 1, lua: "return redis.call('INCR', KEYS[1])" })
  assert.equal(await redis.up('n'), 1)
  assert.equal(await redis.up('n'), 2)
  assert.equal(await redis.up.call(elsewhere, 'n'), 1)
  assert.equal(await redis.up('n'), 3)
})

test('a pipeline may have a custom command of its own', async () => {
  const redis = newRedis()
  const pipeline = redis.pipeline()
  pipeline.defineCommand('mine', { numberOfKeys: 0, lua: 'return 1' })
  assert.deepEqual(await pipeline.mine().exec(), [[null, 1]])
  assert.equal(redis.pipeline().mine, undefined)
})

test('commands work where code may not be made from strings', () => {
  const script = `
    const redis = new (require('.'))({ scripts: { one: { numberOfKeys: 1, lua: 'return KEYS[1]' } } })
    const words = [redis.one('a'), redis.one(['b']), redis.oneBuffer('c'), redis.echo('d')]
    Promise.all(words).then((replies) => console.log(replies.join(' ')))`
  const NODE_OPTIONS = '--disallow-code-generation-from-strings'
  assert.equal(inProcess(script, { NODE_OPTIONS }).stdout, 'a b c d')
})

test('no address means the in-process store', async () => {
  for (const args of [
    [],
    [undefined],
    [null],
    [''],
    [{}],
    [{ host: undefined, port: undefined, path: undefined }],
    [{ password: 'secret', db: 0 }],
    [undefined, undefined, { db: 0 }],
    [null, { keyPrefix: '' }],
    ['', {}],
  ]) {
    assert.equal(await newRedis(...args).ping(), 'PONG', JSON.stringify(args))
  }
})

test('an address fails at once and says how to do without', () => {
  for (const args of [
    [6379],
    ['6379'],
    [6379, 'localhost'],
    ['localhost'],
    ['/tmp/redis.sock'],
    ['redis://localhost'],
    ['rediss://user:secret@example.com:6380/2'],
    ['//example.com'],
    [{ host: 'localhost' }],
    [{ port: 6379 }],
    [{ port: 0 }],
    [{ host: null }],
    [{ path: '/tmp/redis.sock' }],
    [{ tls: {} }],
    [{ sentinels: [{ host: 'a' }] }],
    [undefined, { host: 'localhost' }],
    [{ store: new Redis.Store(), host: 'localhost' }],
  ]) {
    assert.throws(
      () => newRedis(...args),
      (error) => {
        assert.equal(error.code, 'ERR_LATCHKEY_ADDRESS')
        assert.match(error.message, /new Redis\(\)/)
        assert.match(error.message, /LATCHKEY_EMBED=1/)
        assert.doesNotMatch(error.message, /secret/)
        return true
      },
      JSON.stringify(args[0]),
    )
  }
  assert.throws(() => newRedis(true), /Invalid argument true/)
})

test('LATCHKEY_EMBED ignores addresses, and keeps the rest of a URL', () => {
  const script = `
    const Redis = require('.')
    const redis = new Redis('redis://user:pw@example.com:6379/3?keyPrefix=a:')
    const other = new Redis(6379, 'example.com', { db: 3 })
    ;(async () => {
      await redis.set('k', 'v')
      console.log(await other.get('a:k'), redis.options.db, redis.options.host)
    })()`
  const { stdout, status } = inProcess(script, { LATCHKEY_EMBED: '1' })
  assert.equal(stdout, 'v 3 undefined')
  assert.equal(status, 0)
})

test('LATCHKEY_REQUIRE_URL forbids a client without an address', () => {
  const script = `
    const Redis = require('.')
    try { new Redis(process.env.NOT_SET) } catch (error) { console.log(error.code, error.message) }
    new Redis({ store: new Redis.Store(), lazyConnect: true })`
  const { stdout, status } = inProcess(script, { LATCHKEY_REQUIRE_URL: '1' })
  assert.match(stdout, /^ERR_LATCHKEY_ADDRESS LATCHKEY_REQUIRE_URL is set/)
  assert.equal(status, 0)
})

test('under node:cluster and PM2 one warning tells that each process is alone', () => {
  const script = "const Redis = require('.'); new Redis(); new Redis()"
  const { stderr } = inProcess(script, { pm_id: '0' })
  assert.equal(stderr.match(/PM2/g).length, 1)
  const worker = join(root, '__test__/lib/cluster-worker.js')
  const forking = `
    const cluster = require('node:cluster')
    cluster.setupPrimary({ exec: ${JSON.stringify(worker)}, execArgv: [] })
    cluster.fork()`
  assert.equal(inProcess(forking).stderr.match(/node:cluster/g).length, 1)
  assert.doesNotMatch(inProcess(script).stderr, /LATCHKEY_SIBLINGS/)
})

test('stores are apart from each other, and the clients without one share one', async () => {
  const store = new Redis.Store()
  const isolated = newRedis({ store })
  const twin = isolated.duplicate()
  clients.push(twin)
  const [a, b] = [newRedis(), newRedis({ db: 0 })]
  await isolated.set('class:k', 'isolated')
  await a.set('class:k', 'shared')
  assert.equal(await b.get('class:k'), 'shared')
  assert.equal(await twin.get('class:k'), 'isolated')
  await a.del('class:k')
  assert.throws(() => newRedis({ store: {} }), /new Store/)
})

test('a store has a clock that a test can move', async () => {
  const store = new Redis.Store({ clock: 'manual' })
  const redis = newRedis({ store })
  await redis.set('k', 'v', 'PX', 50)
  store.advance(49)
  assert.equal(await redis.get('k'), 'v')
  store.advance(1)
  assert.equal(await redis.get('k'), null)
  const before = store.now()
  store.setTime(before + 1000)
  assert.equal(store.now(), before + 1000)
})

test('a store knows its memory', async () => {
  const store = new Redis.Store({ maxmemory: '64mb', maxmemoryPolicy: 'allkeys-lru' })
  const redis = newRedis({ store })
  const before = store.usedMemory()
  await redis.set('k', 'x'.repeat(1_000_000))
  assert.ok(store.usedMemory() - before >= 1_000_000)
  assert.throws(() => new Redis.Store({ maxmemoryPolicy: 'bogus' }), Error)
})

test('a store that is closed ends its clients', async () => {
  const store = new Redis.Store()
  const redis = newRedis({ store, retryStrategy: () => null })
  await redis.ping()
  const waiting = redis.blpop('none', 0)
  const ended = once(redis, 'end')
  store.close()
  await assert.rejects(waiting)
  await ended
  await assert.rejects(redis.get('k'), { message: 'Connection is closed.' })
  redis.on('error', () => {})
  await assert.rejects(redis.connect(), /closed/)
})

test('what comes late for a client of a closed store is not taken for a client of the next', async () => {
  const first = new Redis.Store()
  const writer = new Redis({ store: first })
  const waiter = new Redis({ store: first })
  const gone = assert.rejects(waiter.blpop('list', 0), { message: 'Connection is closed.' })
  writer.rpush('list', 'a').catch(() => {})
  // answered, but nobody has looked yet; the next clients get their places and their numbers
  waiter.disconnect()
  writer.disconnect()
  first.close()
  const second = new Redis.Store()
  const one = newRedis({ store: second })
  const two = newRedis({ store: second })
  await Promise.all([gone, one.ping(), two.ping()])
  assert.equal(await two.set('k', 'v'), 'OK')
  assert.equal((await one.client('LIST')).trim().split('\n').length, 2)
  second.close()
})

test('print shows a reply or an error', () => {
  const lines = []
  const { log } = console
  console.log = (line) => lines.push(line)
  try {
    Redis.print(null, 'hello')
    Redis.print(new Error('no'))
  } finally {
    console.log = log
  }
  assert.deepEqual(lines, ['Reply: hello', 'Error: Error: no'])
})

test('a client may be wrapped in a Proxy', async () => {
  const redis = newRedis()
  const proxy = new Proxy(redis, {})
  assert.equal(await proxy.set('class:p', 'v'), 'OK')
  assert.equal(await proxy.get('class:p'), 'v')
  assert.equal(proxy.status, 'ready')
  assert.deepEqual(await proxy.multi().del('class:p').exec(), [[null, 1]])
  assert.equal(await proxy.quit(), 'OK')
})

test('a wait ends when a manual clock is moved past its time-out', async () => {
  const store = new Redis.Store({ clock: 'manual' })
  const redis = new Redis({ store })
  const popped = redis.blpop('list', 1)
  store.advance(1000)
  assert.equal(await popped, null)
  const moved = redis.blmove('list', 'other', 'LEFT', 'RIGHT', 2)
  store.setTime(store.now() + 2000)
  assert.equal(await moved, null)
  store.close()
})

test('a client that was about to connect again ends with its store, and says nothing', async () => {
  const store = new Redis.Store()
  const redis = newRedis({ store, retryStrategy: () => 5 })
  const errors = []
  redis.on('error', (error) => errors.push(error))
  await once(redis, 'ready')
  redis.disconnect(true)
  await once(redis, 'reconnecting')
  const command = redis.get('k')
  store.close()
  await assert.rejects(command, { message: 'Connection is closed.' })
  assert.equal(redis.status, 'end')
  assert.deepEqual(errors, [])
})
