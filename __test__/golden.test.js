'use strict'

// The transcripts of `golden/` through the addon; see `lib/addon-cast.js`.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const test = require('node:test')
const native = require('../lib/native')
const { Cast } = require('./lib/addon-cast')

const GOLDEN = path.join(__dirname, 'golden')

function transcripts(under) {
  return fs.readdirSync(under, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(under, entry.name)
    if (entry.isDirectory()) return transcripts(file)
    return entry.name.endsWith('.txt') ? [file] : []
  })
}

test('every command of the table stands in a transcript', () => {
  const played = transcripts(GOLDEN).map((file) => fs.readFileSync(file, 'utf8').toLowerCase())
  const text = `\n${played.join('\n')}`.replaceAll('\n', ' \n')
  const missing = JSON.parse(native.commandTable())
    .map(({ name }) => name)
    .filter((name) => !text.includes(`\n> ${name.replace('|', ' ')} `) && !isOurs(name))
  assert.deepEqual(missing, [])
})

/** Help texts are our own, `DEBUG` is for tests, and `COMMAND` alone lists what this version has. */
function isOurs(name) {
  return name.endsWith('|help') || name.startsWith('debug') || name === 'command'
}

/** A double is a number here, however many digits it has on a wire. */
function inNumbers(lines) {
  return lines.join('\n').replace(/\(double\) (-?[\d.]+)/g, (_, text) => `(double) ${Number(text)}`)
}

for (const file of transcripts(GOLDEN)) {
  const name = path.relative(GOLDEN, file)
  test(`the addon answers as recorded in ${name}`, async () => {
    const script = await import('../scripts/lib/transcript.mjs')
    const { steps } = script.parse(fs.readFileSync(file, 'utf8'))
    const cast = new Cast(script)
    try {
      const said = await script.play(steps, cast)
      const replies = steps.flatMap((step, i) => (said[i] ? [{ step, said: said[i] }] : []))
      const shown = (lines) => {
        return replies.map((reply) => `${reply.step.line}: ${inNumbers(lines(reply))}`)
      }
      assert.deepEqual(
        shown((reply) => reply.said),
        shown((reply) => reply.step.expected),
      )
    } finally {
      cast.end()
    }
  })
}
