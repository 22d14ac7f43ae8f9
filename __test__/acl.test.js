'use strict'

// Users and what they may do, as a JavaScript program meets them.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { afterEach, test } = require('node:test')
const Redis = require('..')

let open = []

/** Something to close after the test. */
function held(closable) {
  open.push(closable)
  return closable
}

afterEach(() => {
  for (const each of open.reverse()) each.close ? each.close() : each.disconnect()
  open = []
})

function newStore(options) {
  return held(new Redis.Store(options))
}

function newRedis(options) {
  return held(new Redis(options))
}

test('a client in the process may do everything until it says who it is', async () => {
  const store = newStore()
  const redis = newRedis({ store })
  await redis.config('SET', 'requirepass', 'secret')
  await redis.acl('SETUSER', 'default', '-@all')
  await redis.acl('SETUSER', 'app', 'on', '>p', '~app:*', '&app:*', '+@read', '+set')
  assert.equal(await redis.set('other', 'v'), 'OK')
  assert.equal(await redis.acl('WHOAMI'), 'default')

  await assert.rejects(redis.auth('app', 'wrong'), {
    name: 'ReplyError',
    message: 'WRONGPASS invalid username-password pair or user is disabled.',
  })
  assert.equal(await redis.auth('app', 'p'), 'OK')
  assert.equal(await redis.set('app:1', 'v'), 'OK')
  await assert.rejects(redis.get('other'), {
    name: 'ReplyError',
    message: 'NOPERM No permissions to access a key',
    command: { name: 'get', args: ['other'] },
  })
  await assert.rejects(redis.acl('WHOAMI'), {
    message: "NOPERM User app has no permissions to run the 'acl|whoami' command",
  })
  const results = await redis.pipeline().get('app:1').del('app:1').exec()
  assert.equal(results[0][1], 'v')
  assert.match(results[1][0].message, /^NOPERM User app/)
  assert.equal(await redis.reset(), 'RESET')
  assert.equal(await redis.get('other'), 'v')
})

test('a client begins as the user of its options', async () => {
  const store = newStore()
  const admin = newRedis({ store })
  await admin.acl('SETUSER', 'app', 'on', '>p', '~app:*', '+get', '+acl|whoami')
  const redis = newRedis({ store, username: 'app', password: 'p' })
  assert.equal(await redis.acl('WHOAMI'), 'app')
  assert.equal(await redis.get('app:1'), null)
  await assert.rejects(redis.get('other'), /NOPERM/)
  await assert.rejects(held(redis.duplicate()).get('other'), /NOPERM/)
  const any = newRedis({ store, password: 'nobody asks for it' })
  assert.equal(await any.acl('WHOAMI'), 'default')
})

test('a client whose user is unknown or whose password is wrong never gets in', async () => {
  const store = newStore()
  for (const options of [{ username: 'nobody', password: 'p' }, { username: 'nobody' }]) {
    const redis = newRedis({ store, ...options })
    const [error] = await once(redis, 'error')
    assert.match(error.message, /^WRONGPASS /)
    assert.ok(error instanceof Redis.ReplyError)
    await assert.rejects(redis.set('k', 'v'))
    assert.equal(redis.status, 'end')
  }
  const admin = newRedis({ store })
  assert.equal(await admin.dbsize(), 0)
  const log = await admin.acl('LOG')
  assert.equal(log.length, 1)
  assert.deepEqual(log[0].slice(0, 10), [
    ...['count', 2, 'reason', 'auth', 'context', 'toplevel', 'object', 'AUTH'],
    ...['username', 'nobody'],
  ])
})

test('a client ends with its user', async () => {
  const store = newStore()
  const admin = newRedis({ store })
  await admin.acl('SETUSER', 'app', 'on', 'nopass', '~*', '&*', '+@all')
  const options = { store, username: 'app', retryStrategy: null }
  const [waiting, listening] = [newRedis(options), newRedis(options)]
  await listening.subscribe('news')
  const ended = [once(waiting, 'end'), once(listening, 'end')]
  const served = assert.rejects(waiting.blpop('list', 0), /Connection is closed/)
  assert.equal(await admin.acl('DELUSER', 'app'), 1)
  await Promise.all([...ended, served])
  await admin.rpush('list', 'v')
  assert.equal(await admin.llen('list'), 1)
})

test('an address that is ignored takes its user and password with it', async (t) => {
  process.env.LATCHKEY_EMBED = '1'
  t.after(() => delete process.env.LATCHKEY_EMBED)
  const redis = newRedis('redis://somebody:secret@example.com:6379')
  assert.equal(await redis.acl('WHOAMI'), 'default')
})

test('users are read from a file and written there', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'latchkey-acl-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const aclfile = path.join(folder, 'users.acl')
  assert.throws(() => new Redis.Store({ aclfile }), /No such file or directory/)
  fs.writeFileSync(aclfile, 'user app on >p ~* +nothing\n')
  assert.throws(() => new Redis.Store({ aclfile }), /users\.acl:1: Error in applying operation/)
  fs.writeFileSync(aclfile, 'user app on >p ~* +@all\n')
  const redis = newRedis({ store: newStore({ aclfile }) })
  assert.deepEqual(await redis.acl('USERS'), ['app', 'default'])
  await redis.acl('DELUSER', 'app')
  assert.equal(await redis.acl('SAVE'), 'OK')
  assert.equal(
    fs.readFileSync(aclfile, 'utf8'),
    'user default on nopass sanitize-payload ~* &* +@all\n',
  )
  fs.writeFileSync(aclfile, 'user eve off\n')
  assert.equal(await redis.acl('LOAD'), 'OK')
  assert.deepEqual(await redis.acl('USERS'), ['default', 'eve'])
  assert.deepEqual(await redis.config('GET', 'aclfile'), ['aclfile', aclfile])
  assert.deepEqual(fs.readdirSync(folder), ['users.acl'])
})

test('users are told as maps where RESP3 is asked for', async () => {
  const redis = newRedis({ store: newStore(), protocol: 3, replyMapping: 'resp3' })
  await redis.acl('SETUSER', 'app', 'on', '>p', '~a', '(+get', '~b)')
  const user = await redis.acl('GETUSER', 'app')
  assert.equal(user.commands, '-@all')
  assert.equal(user.keys, '~a')
  assert.deepEqual(user.selectors, [{ commands: '-@all +get', keys: '~b', channels: '' }])
})
