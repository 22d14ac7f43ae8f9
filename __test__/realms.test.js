'use strict'

// Test runners such as Jest load JavaScript anew for each of their files, into a context with an
// Error and an Array of its own, while the native module stays loaded. Done here by hand.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { dirname, join } = require('node:path')
const { setFlagsFromString } = require('node:v8')
const vm = require('node:vm')

const root = join(__dirname, '..')

/** A copy of the package in a context of its own, and the context's globals. */
function load() {
  const own = { process: Object.create(process) }
  const context = vm.createContext({ ...own, Buffer, console, performance, URL, URLSearchParams })
  const modules = new Map()
  const load = (path) => {
    if (modules.has(path)) return modules.get(path).exports
    const module = { exports: {} }
    modules.set(path, module)
    const real = createRequire(path)
    const require = (name) => {
      const ours = name.startsWith('.') && !name.endsWith('native.js') && !name.endsWith('.json')
      return ours ? load(real.resolve(name)) : real(name)
    }
    const names = ['exports', 'require', 'module', '__filename', '__dirname']
    const code = readFileSync(path, 'utf8')
    const run = vm.compileFunction(code, names, { filename: path, parsingContext: context })
    run(module.exports, require, module, path, dirname(path))
    return module.exports
  }
  const Redis = load(join(root, 'index.js'))
  const names = 'Error, Array, Object, Promise, Map, process'
  return { Redis, globals: vm.runInContext(`({ ${names} })`, context) }
}

test('errors, arrays, objects and promises belong to the context that asked', async () => {
  const { Redis, globals } = load()
  const redis = new Redis({ store: new Redis.Store() })
  await redis.ping()
  assert.ok(redis.get('k') instanceof globals.Promise)
  const error = await redis.lpush('k').catch((reason) => reason)
  assert.ok(error instanceof globals.Error)
  assert.ok(error instanceof Redis.ReplyError)
  assert.equal(await redis.hset('h', new globals.Map([['f', 'v']])), 1)
  const hash = await redis.hgetall('h')
  assert.ok(hash instanceof globals.Object)
  assert.equal(hash.f, 'v')
  assert.ok((await redis.mget('a', 'b')) instanceof globals.Array)
  const long = Array.from({ length: 5000 }, (_, i) => `value ${i}`.repeat(10))
  await redis.rpush('l', long)
  assert.ok((await redis.lrange('l', 0, -1)) instanceof globals.Array)
  const results = await redis.multi().hgetall('h').lpush('h', 1).exec()
  assert.ok(results instanceof globals.Array)
  assert.ok(results[0][1] instanceof globals.Object)
  assert.ok(results[1][0] instanceof globals.Error)
  assert.throws(() => new Redis('redis://localhost'), globals.Error)
  assert.throws(() => new Redis.Store({ maxmemory: 'much' }), globals.Error)
  assert.deepEqual(await redis.getBuffer('none'), null)
  redis.disconnect()
})

test('a client lives and dies while a test holds the timers still', async (t) => {
  const { Redis, globals } = load()
  t.mock.timers.enable()
  globals.process.nextTick = () => {}
  const redis = new Redis({ store: new Redis.Store() })
  assert.equal(await redis.set('k', 'v'), 'OK')
  for (let i = 0; i < 20_000; i++) await redis.get('k')
  assert.equal(await redis.quit(), 'OK')
})

test('moving a manual clock ends the waits that are due', async () => {
  const { Redis } = load()
  const store = new Redis.Store({ clock: 'manual' })
  const redis = new Redis({ store })
  await redis.ping()
  const waiting = redis.blpop('l', 10)
  store.advance(9_999)
  assert.equal(
    await Promise.race([waiting, new Promise((r) => setTimeout(r, 20, 'waits'))]),
    'waits',
  )
  store.advance(1)
  assert.equal(await waiting, null)
  redis.disconnect()
})

test('a copy of the package that nobody holds is given back', async () => {
  setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc')
  const use = async () => {
    const { Redis } = load()
    const redis = new Redis({ store: new Redis.Store() })
    await redis.set('k', 'v')
    const waiting = redis.blpop('l', 5)
    await redis.duplicate().rpush('l', 'x')
    await waiting
    redis.disconnect()
    return new WeakRef(Redis)
  }
  const copies = []
  for (let i = 0; i < 5; i++) copies.push(await use())
  const left = () => copies.filter((copy) => copy.deref() !== undefined).length
  const patience = Date.now() + 20_000
  while (left() > 1 && Date.now() < patience) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    gc()
  }
  assert.ok(left() <= 1, `${left()} copies are left`)
})
