'use strict'

// `latchkey`: a store and its server as a process of their own, started as servers of Redis are.
//
//   latchkey [redis.conf | -] [--directive value ...]
//
// What the directives mean is the native module's to know; this file finds them, in the order in
// which they count, and tells what is wrong with them.

const fs = require('node:fs')
const path = require('node:path')
const { Store } = require('./store')
const { native } = require('./loop')
const { listenAsConfigured } = require('./server')
const { kNative } = require('./symbols')
const { version } = require('../package.json')

const USAGE = `Usage: latchkey [/path/to/redis.conf] [options] [-]
       latchkey - (read config from stdin)
       latchkey -v or --version
       latchkey -h or --help

Examples:
       latchkey (run the server with the default configuration)
       echo 'maxmemory 128mb' | latchkey -
       latchkey /etc/redis/6379.conf
       latchkey --port 7777 --maxmemory-policy allkeys-lru
       latchkey /etc/redis/6379.conf --loglevel verbose -
`

/** What counts as long as nothing else is said. */
const DEFAULTS = [
  ['port', '6379'],
  ['bind', '127.0.0.1', '-::1'],
  ['dir', process.cwd()],
]

/** Files that include each other would never end. */
const DEPTH_MAX = 16

class Refused extends Error {}

/** The options as lines of a configuration: `--port 7777` is the line `port "7777"`. */
function linesOf(words) {
  const lines = []
  for (const word of words) {
    if (word.startsWith('--')) lines.push(word.slice(2))
    else if (lines.length > 0) lines[lines.length - 1] += ` ${quoted(word)}`
  }
  return lines
}

function quoted(word) {
  const escaped = word.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r')
  return `"${escaped}"`
}

function read(file) {
  try {
    return fs.readFileSync(file === '-' ? 0 : file, 'latin1')
  } catch (error) {
    const why = error.code === 'ENOENT' ? 'No such file or directory' : error.message
    throw new Refused(`# Fatal error, can't open config file '${file}': ${why}`)
  }
}

/** Sets what the lines say. Numbers in complaints begin at `first`. */
function apply(store, lines, first, depth = 0) {
  lines.forEach((line, at) => {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) return
    const why = applyLine(store, text, depth)
    if (why === null) return
    throw new Refused(
      `\n*** FATAL CONFIG FILE ERROR (Version ${version}) ***\n` +
        `Reading the configuration file, at line ${first + at}\n>>> '${text}'\n${why}`,
    )
  })
}

/** @returns {string | null} what is wrong with it */
function applyLine(store, text, depth) {
  const words = native.wordsOfLine(Buffer.from(text, 'latin1'))
  if (!words) return 'Unbalanced quotes in configuration line'
  if (words.length === 0) return null
  const name = words[0].toString('latin1').toLowerCase()
  const values = words.slice(1).map((word) => word.toString())
  if (name === 'include') {
    if (values.length !== 1) return 'wrong number of arguments'
    if (depth === DEPTH_MAX) return 'Files include each other without end'
    apply(store, read(values[0]).split('\n'), 1, depth + 1)
    return null
  }
  if (name === 'dir') {
    if (values.length !== 1) return 'wrong number of arguments'
    try {
      process.chdir(values[0])
    } catch (error) {
      return `Can't chdir to '${values[0]}': ${error.code}`
    }
    return store.configure([words[0], Buffer.from(process.cwd())])
  }
  return store.configure(words)
}

/** Everything that was asked for, the file first. */
function configure(store, words) {
  const rest = [...words]
  for (const line of DEFAULTS) store.configure(line.map((word) => Buffer.from(word)))
  const file = rest.length > 0 && !rest[0].startsWith('-') ? rest.shift() : undefined
  const fromInput = rest.includes('-')
  const options = linesOf(rest.filter((word) => word !== '-'))
  const parts = []
  if (file !== undefined) {
    const place = path.resolve(file)
    parts.push(read(place))
    store.setConfigFile(place)
  }
  if (fromInput) parts.push(read('-'))
  const lines = parts.flatMap((text) => text.split('\n'))
  apply(store, lines, 1)
  apply(store, options, lines.length + 2)
}

function say(logFile, text) {
  const line = `${process.pid}:M ${new Date().toISOString()} * ${text}\n`
  if (logFile) fs.appendFileSync(logFile, line)
  else process.stdout.write(line)
}

/** @param {string[]} words the command line */
async function main(words) {
  if (words.includes('-v') || words.includes('--version')) {
    process.stdout.write(`latchkey ${version}\n`)
    return
  }
  if (words.includes('-h') || words.includes('--help')) {
    process.stdout.write(USAGE)
    return
  }
  try {
    await serve(words)
  } catch (error) {
    if (!(error instanceof Refused) && !error.code) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}

async function serve(words) {
  const store = new Store()
  const settings = store[kNative]
  configure(settings, words)
  const wrong = settings.loadUsers()
  if (wrong !== null) throw new Refused(`# ${wrong}`)
  const server = listenAsConfigured(settings)
  const [logFile, pidFile] = [settings.setting('logfile'), settings.setting('pidfile')]
  let ending = false
  const end = async (why) => {
    if (ending) return
    ending = true
    say(logFile, why)
    await server.close()
    store.close()
    if (pidFile) fs.rmSync(pidFile, { force: true })
  }
  process.once('SIGINT', () => end('Received SIGINT, shutting down'))
  process.once('SIGTERM', () => end('Received SIGTERM, shutting down'))
  server.once('shutdown', () => end('User requested shutdown'))
  if (pidFile) fs.writeFileSync(pidFile, `${process.pid}\n`)
  for (const place of server.places) say(logFile, `Ready to accept connections at ${place}`)
}

module.exports = { main, linesOf }
