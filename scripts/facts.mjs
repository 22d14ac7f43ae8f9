// Asks a running valkey-server what it says about every command and writes the answer to
// src/command/facts.json: the words of COMMAND INFO and COMMAND DOCS, which the engine answers
// with, and from which the types and docs/commands.md are made.
//
//   npm run facts                      starts a valkey-server of its own (Valkey 8.0)
//   npm run facts -- --check           fails when the file is not what the server says
//   VALKEY_SERVER=/path/valkey-server  the program to start
//
// One line per command, sorted by name; a subcommand stands as `config|get`. In each row
//   info = [arity, flags, firstKey, lastKey, step, aclCategories, tips, keySpecs]
//   docs = the map of COMMAND DOCS without its `subcommands`
// On the wire (RESP3; RESP2 has arrays for sets and maps): `flags`, `aclCategories`, `doc_flags` and
// the `flags` of key specs and arguments are sets of simple strings; `tips` is a set of bulk strings;
// `keySpecs` is a set of maps and `history` a set of [since, what] arrays; `arguments` are arrays;
// every other string is a bulk string. Every map has its fields in the order of ORDER, so a reader
// may answer in that order without keeping it (`begin_search` and `find_keys` are {type, spec}).
// Commands which Valkey lacks come from facts.local.json, by hand, and carry "origin".

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Decoder, encode } from './lib/resp.mjs'

const TARGET = fileURLToPath(new URL('../src/command/facts.json', import.meta.url))
const LOCAL = fileURLToPath(new URL('../src/command/facts.local.json', import.meta.url))

const program = process.env.VALKEY_SERVER || 'valkey-server'
const missing = () => spawnSync(program, ['--version']).error !== undefined

/** The order in which the server writes the fields of its maps. */
const ORDER = {
  docs: [
    'summary',
    'since',
    'group',
    'complexity',
    'module',
    'doc_flags',
    'deprecated_since',
    'replaced_by',
    'history',
    'arguments',
  ],
  argument: [
    'name',
    'type',
    'display_text',
    'key_spec_index',
    'token',
    'summary',
    'since',
    'deprecated_since',
    'flags',
    'arguments',
  ],
  keySpec: ['notes', 'flags', 'begin_search', 'find_keys'],
}

/** A simple string, to tell it from a bulk string while checking the shapes. */
class Status {
  constructor(text) {
    this.text = text
  }
}

/** The reply as plain values; a map becomes an object with its fields in the server's order. */
function plain({ kind, value }) {
  switch (kind) {
    case 'status':
      return new Status(value)
    case 'string':
      return value.toString()
    case 'integer':
      return Number(value)
    case 'array':
    case 'set':
      return value.map(plain)
    case 'map':
      return Object.fromEntries(value.map(([field, held]) => [text(plain(field)), plain(held)]))
    default:
      throw new Error(`the server answered: ${kind} ${value}`)
  }
}

const text = (value) => (value instanceof Status ? value.text : value)

/** One command to the server, its reply. */
async function ask(socket, ...words) {
  const decoder = new Decoder()
  socket.write(encode(words.map((word) => Buffer.from(word))))
  for (;;) {
    const [chunk] = await once(socket, 'data')
    const [reply] = decoder.push(chunk)
    if (reply) return plain(reply)
  }
}

async function withServer(use) {
  const folder = mkdtempSync(join(tmpdir(), 'facts-'))
  const path = join(folder, 'valkey.sock')
  const server = spawn(
    program,
    ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder],
    { stdio: 'ignore' },
  )
  try {
    await once(server, 'spawn').catch((error) => {
      throw new Error(`${program} did not start (${error.message}); set VALKEY_SERVER`)
    })
    return await use(await reach(path))
  } finally {
    server.kill()
    if (server.pid && server.exitCode === null) await once(server, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The server needs a moment before its socket listens. */
async function reach(path) {
  for (let tries = 0; ; tries++) {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      return socket
    } catch (error) {
      if (tries === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** Fails when the server's map has a field we do not know, or another order. */
function inOrder(map, order, where) {
  const places = Object.keys(map).map((field) => order.indexOf(field))
  if (places.some((place, i) => place < 0 || (i > 0 && place <= places[i - 1]))) {
    throw new Error(`${where}: fields ${Object.keys(map)}, expected in the order ${order}`)
  }
  return map
}

/** What the header says about simple and bulk strings, checked while they become plain text. */
function statuses(list, where) {
  if (!list.every((word) => word instanceof Status)) throw new Error(`${where}: not statuses`)
  return list.map(text)
}

function bulks(map, where) {
  for (const [field, value] of Object.entries(map)) {
    if (value instanceof Status) throw new Error(`${where}: ${field} is a simple string`)
  }
  return map
}

function keySpec(spec, where) {
  inOrder(spec, ORDER.keySpec, where)
  bulks(spec.begin_search, where)
  bulks(spec.begin_search.spec, where)
  bulks(spec.find_keys, where)
  bulks(spec.find_keys.spec, where)
  return bulks({ ...spec, flags: statuses(spec.flags, where) }, where)
}

function argument(arg, where) {
  const out = { ...inOrder(arg, ORDER.argument, where) }
  if (out.flags) out.flags = statuses(out.flags, where)
  if (out.arguments) out.arguments = out.arguments.map((inner) => argument(inner, where))
  return bulks(out, where)
}

function docsRow(docs, where) {
  const { subcommands: _, ...own } = docs
  inOrder(own, ORDER.docs, where)
  if (own.doc_flags) own.doc_flags = statuses(own.doc_flags, where)
  if (own.arguments) own.arguments = own.arguments.map((arg) => argument(arg, where))
  return bulks(own, where)
}

/** Adds the row of one command and those of its subcommands. */
function addRows(rows, info, docs) {
  const [name, arity, flags, first, last, step, acl, tips, specs, subs] = info
  rows[name] = {
    info: [
      arity,
      statuses(flags, name),
      first,
      last,
      step,
      statuses(acl, name),
      tips.map(text),
      specs.map((spec) => keySpec(spec, name)),
    ],
    docs: docsRow(docs, name),
  }
  for (const sub of subs) addRows(rows, sub, docs.subcommands[sub[0]])
}

async function gather() {
  return withServer(async (socket) => {
    await ask(socket, 'HELLO', '3')
    const docs = await ask(socket, 'COMMAND', 'DOCS')
    const rows = {}
    for (const info of await ask(socket, 'COMMAND')) addRows(rows, info, docs[info[0]])
    socket.destroy()
    return rows
  })
}

/** One line per command, so that a change of one command is a change of one line. */
function print(rows) {
  const lines = Object.keys(rows)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(rows[name])}`)
  return `{\n${lines.join(',\n')}\n}\n`
}

if (missing() && !process.env.CI && process.argv.includes('--check')) {
  console.log(`skipped: no ${program} on this machine`)
  process.exit()
}
const rows = await gather()
const own = JSON.parse(readFileSync(LOCAL, 'utf8'))
for (const name of Object.keys(own)) {
  if (rows[name]) throw new Error(`facts.local.json: the server has ${name} now`)
}
const wanted = print({ ...rows, ...own })
if (process.argv.includes('--check')) {
  if (readFileSync(TARGET, 'utf8') !== wanted) {
    console.error('src/command/facts.json is not what the server says: npm run facts')
    process.exitCode = 1
  }
} else {
  writeFileSync(TARGET, wanted)
}
