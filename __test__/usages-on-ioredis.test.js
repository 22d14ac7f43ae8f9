'use strict'

// The usage tests claim that only the `require` differs from ioredis: here they run on ioredis.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { readdirSync } = require('node:fs')
const { join } = require('node:path')

const server = process.env.LATCHKEY_TWIN_SERVER || 'redis-server'
const missing = spawnSync(server, ['--version']).error !== undefined
const skip = missing && !process.env.CI && `${server} is not installed`

test('what the usage tests show also holds for ioredis with a server', { skip }, () => {
  const files = readdirSync(__dirname).filter((name) => /^usage-.*\.test\.js$/.test(name))
  assert.ok(files.length > 0)
  // Without the variable by which the runner knows that it is inside another one.
  const { NODE_TEST_CONTEXT: _, ...env } = { ...process.env, LATCHKEY_TWIN: 'ioredis' }
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--test', ...files.map((name) => join(__dirname, name))],
    { env, encoding: 'utf8' },
  )
  assert.equal(status, 0, stdout)
})
