'use strict'

// Tests that import `lib/twin` claim that only the `require` differs from ioredis: here they run on
// ioredis with a real server.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { readdirSync, readFileSync } = require('node:fs')
const { basename, join } = require('node:path')

const twins = readdirSync(__dirname).filter(
  (name) =>
    name.endsWith('.test.js') &&
    name !== basename(__filename) &&
    readFileSync(join(__dirname, name), 'utf8').includes("require('./lib/twin')"),
)
/** Newer commands than the older server has stand in this one. */
const TYPES = 'reply-types.test.js'

function holdsForIoredis(title, server, files) {
  const missing = spawnSync(server, ['--version']).error !== undefined
  const skip = missing && !process.env.CI && `${server} is not installed`
  test(title, { skip }, () => {
    assert.ok(files.length > 0)
    // Without the variable by which the runner knows that it is inside another one.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--test', ...files.map((name) => join(__dirname, name))],
      {
        env: { ...env, LATCHKEY_TWIN: 'ioredis', LATCHKEY_TWIN_SERVER: server },
        encoding: 'utf8',
        maxBuffer: Number.POSITIVE_INFINITY,
      },
    )
    assert.equal(status, 0, stdout)
  })
}

holdsForIoredis(
  'what the tests of usages and manners show also holds for ioredis',
  process.env.REDIS_SERVER || 'redis-server',
  twins.filter((name) => name !== TYPES),
)
holdsForIoredis(
  'the types of replies are also those of ioredis',
  process.env.VALKEY_SERVER || 'valkey-server',
  twins.filter((name) => name === TYPES),
)
