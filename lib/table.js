'use strict'

// The commands as the native module knows them, one row each, and what JavaScript adds to a row:
// how its arguments are read and its reply is shaped. Names that clients know and the store does
// not (yet) have a row too, so that calling them rejects in a server's words instead of failing
// because a method is missing.

const { native } = require('./loop')
const { OBJECT, EACH, pairsToObject } = require('./reply')
const { msetWords, hsetWords } = require('./words')
const later = require('./later-commands')

/** The id under which the native module takes a command by its name. */
const UNKNOWN = 0xffff

/** Ids with their flags are below this; a client's commands go to its handle times it, plus the id. */
const IDS = 0x40000

/** @param {number} handle */
function placeOf(handle) {
  return handle * IDS
}

/** Commands that change what the client itself is; see `after` in dispatch.js. */
const PECULIAR = new Set([
  'select',
  'quit',
  'reset',
  'monitor',
  'subscribe',
  'psubscribe',
  'ssubscribe',
  'unsubscribe',
  'punsubscribe',
  'sunsubscribe',
])

class Row {
  constructor(id, name, arity = -1) {
    this.id = id
    this.name = name
    /** Words including the name; negative is "at least this many". */
    this.arity = arity
    /** How the reply is read, beside what the client asks for. */
    this.how = 0
    /** @type {((args: unknown[]) => unknown[]) | null} */
    this.argument = null
    /** @type {((reply: unknown, context: object) => unknown) | null} */
    this.reply = null
    this.peculiar = PECULIAR.has(name)
    /** Is its first word always its only key? Not known before somebody asks. */
    this.keyFirst = undefined
  }
}

/** @type {Map<string, Row>} */
const rows = new Map()
for (const { id, name, arity, container } of JSON.parse(native.commandTable())) {
  if (container === undefined || container === null) rows.set(name, new Row(id, name, arity))
}
for (const name of later.names) if (!rows.has(name)) rows.set(name, new Row(UNKNOWN, name))

/** @type {(row: Row) => void} */
let onChange = () => {}

/**
 * The row of a command by any spelling of its name. What was set for a name holds for this very
 * spelling: `call('HGETALL', key)` is a plain list.
 *
 * @param {string} name
 */
function lookup(name) {
  const exact = rows.get(name)
  if (exact !== undefined) return exact
  const row = rows.get(String(name).toLowerCase())
  const alias = new Row(row === undefined ? UNKNOWN : row.id, String(name))
  if (row !== undefined) alias.peculiar = row.peculiar
  return alias
}

/** A row that leaves arguments and reply as they are, for commands that shape theirs themselves. */
function untouched(name) {
  const known = lookup(name)
  const row = new Row(known.id, String(name))
  row.peculiar = known.peculiar
  return row
}

/**
 * What `Command.setArgumentTransformer` and `setReplyTransformer` have set, by name. They are kept
 * as ioredis keeps them, for those who look.
 */
const transformers = { argument: {}, reply: {} }

function setArgumentTransformer(name, func) {
  transformers.argument[name] = func
  const row = rows.get(name)
  if (row === undefined) return
  row.argument = func || null
  onChange(row)
}

function setReplyTransformer(name, func) {
  transformers.reply[name] = func
  const row = rows.get(name)
  if (row === undefined) return
  row.how = 0
  row.reply = func || null
  onChange(row)
}

/** Transformers of ours, which only concern what is no word yet. */
const builtIn = new Set([msetWords, hsetWords])

function isBuiltIn(func) {
  return builtIn.has(func)
}

setArgumentTransformer('mset', msetWords)
setArgumentTransformer('msetnx', msetWords)
setArgumentTransformer('hset', hsetWords)
setArgumentTransformer('hmset', hsetWords)
// read as an object at once, without the list in between
transformers.reply.hgetall = pairsToObject
if (rows.has('hgetall')) rows.get('hgetall').how = OBJECT
if (rows.has('exec')) rows.get('exec').how = EACH

/** Calls back with a row that was given a transformer. */
function watch(listener) {
  onChange = listener
}

module.exports = {
  UNKNOWN,
  placeOf,
  rows,
  lookup,
  untouched,
  isBuiltIn,
  transformers,
  setArgumentTransformer,
  setReplyTransformer,
  watch,
}
