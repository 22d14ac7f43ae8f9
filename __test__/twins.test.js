'use strict'

// The usage tests claim that only the `require` differs from ioredis, and the types of replies are
// meant to be ioredis's: here those tests run on ioredis with a real server.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { readdirSync } = require('node:fs')
const { join } = require('node:path')

function holdsForIoredis(title, server, pattern) {
  const missing = spawnSync(server, ['--version']).error !== undefined
  const skip = missing && !process.env.CI && `${server} is not installed`
  test(title, { skip }, () => {
    const files = readdirSync(__dirname).filter((name) => pattern.test(name))
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
  'what the usage tests show also holds for ioredis',
  process.env.REDIS_SERVER || 'redis-server',
  /^usage-.*\.test\.js$/,
)
holdsForIoredis(
  'the types of replies are also those of ioredis',
  process.env.VALKEY_SERVER || 'valkey-server',
  /^reply-types\.test\.js$/,
)
