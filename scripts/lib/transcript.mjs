// The notation of `__test__/golden` (its README.md is the grammar): reading transcripts, and
// printing replies the way redis-cli does. Knows nothing of servers; `play` is given the
// connections, so that the oracle and the addon's test are two casts of one piece.

/**
 * @typedef {import('./resp.mjs').Reply} Reply
 * @typedef {{ kind: string, line: number, words?: Buffer[], name?: string, ms?: number,
 *   protocol?: number, only?: string, any?: boolean, unordered?: string, pick?: string[],
 *   near?: number, socket?: boolean, expected: string[], redis: string[], at: number }} Step
 */

/**
 * Reads a transcript. `layout` holds the lines that are not replies, with each step in the
 * place where its reply stood, so that a recording can be written back around the comments.
 * @returns {{ layout: (string | Step)[], steps: Step[] }}
 */
export function parse(text) {
  const layout = []
  const steps = []
  let only
  let pending = {}
  let open = null
  const lines = text.replace(/\n$/, '').split('\n')
  const add = (step) => {
    steps.push(step)
    return step
  }
  lines.forEach((raw, i) => {
    const line = i + 1
    if (raw.startsWith('@redis7.0 ')) {
      if (!open) throw new Error(`line ${line}: @redis7.0 without a reply above it`)
      open.redis.push(raw.slice('@redis7.0 '.length))
      return
    }
    if (raw.startsWith('> ') || raw === '<') {
      const words = raw === '<' ? undefined : splitWords(raw.slice(2), line)
      const kind = words ? 'send' : 'receive'
      open = add({ kind, line, words, only, ...pending, expected: [], redis: [] })
      pending = {}
      layout.push(raw, open)
      return
    }
    if (raw === '') {
      only = undefined
      open = null
      add({ kind: 'switch', line, name: 'a' })
    } else if (raw.startsWith('@')) {
      open = null
      const [word, ...rest] = raw.slice(1).split(' ')
      if (word === 'only') only = rest[0]
      else directive(word, rest, line, pending, (step) => add({ ...step, only }))
    } else if (raw.startsWith('#')) {
      open = null
    } else {
      if (!open) throw new Error(`line ${line}: a reply with no command: ${raw}`)
      open.expected.push(raw)
      return
    }
    layout.push(raw)
  })
  return { layout, steps }
}

function directive(word, rest, line, pending, add) {
  if (word === 'advance') add({ kind: 'advance', line, ms: Number(rest[0]) })
  else if (word === 'resp2' || word === 'resp3') {
    add({ kind: 'protocol', line, protocol: Number(word[4]) })
  } else if (word === 'any') pending.any = true
  else if (word === 'unordered') pending.unordered = rest.join(' ') || 'plain'
  else if (word === 'pick') pending.pick = rest
  else if (word === 'near') pending.near = Number(rest[0])
  else if (word === 'socket') pending.socket = true
  else if (/^[a-z]$/.test(word)) add({ kind: 'switch', line, name: word })
  else throw new Error(`line ${line}: unknown directive @${word}`)
}

/** Words of a command line, quoted as redis-cli takes them, with our two brace forms. */
export function splitWords(text, line = 0) {
  const words = []
  let i = 0
  while (i < text.length) {
    if (text[i] === ' ') {
      i++
      continue
    }
    const quote = text[i]
    if (quote === '"' || quote === "'") {
      const [word, end] = quote === '"' ? doubleQuoted(text, i + 1) : singleQuoted(text, i + 1)
      if (end < 0 || (end < text.length && text[end] !== ' ')) {
        throw new Error(`line ${line}: unbalanced quotes: ${text}`)
      }
      words.push(word)
      i = end
      continue
    }
    const space = text.indexOf(' ', i)
    const end = space < 0 ? text.length : space
    words.push(...expand(text.slice(i, end)).map((word) => Buffer.from(word)))
    i = end
  }
  return words
}

/** `k{1..3}` is k1 k2 k3; `{100*ab}` is `ab` a hundred times over. */
function expand(word) {
  const range = /^(.*)\{(-?\d+)\.\.(-?\d+)\}(.*)$/.exec(word)
  if (range) {
    const [, before, first, last, after] = range
    const count = Number(last) - Number(first) + 1
    return Array.from({ length: count }, (_, i) => `${before}${Number(first) + i}${after}`)
  }
  return [word.replace(/\{(\d+)\*([^}]+)\}/g, (_, count, part) => part.repeat(Number(count)))]
}

const ESCAPES = { n: 10, r: 13, t: 9, b: 8, a: 7 }

function doubleQuoted(text, start) {
  const parts = []
  let i = start
  while (i < text.length && text[i] !== '"') {
    const hex = /^\\x([0-9a-fA-F]{2})/.exec(text.slice(i, i + 4))
    if (hex) {
      parts.push(Buffer.from([Number.parseInt(hex[1], 16)]))
      i += 4
    } else if (text[i] === '\\' && i + 1 < text.length) {
      const code = ESCAPES[text[i + 1]]
      parts.push(Buffer.from(code ? [code] : text[i + 1]))
      i += 2
    } else {
      const char = String.fromCodePoint(text.codePointAt(i))
      parts.push(Buffer.from(char))
      i += char.length
    }
  }
  return [Buffer.concat(parts), i < text.length ? i + 1 : -1]
}

function singleQuoted(text, start) {
  let word = ''
  let i = start
  while (i < text.length && text[i] !== "'") {
    if (text.startsWith("\\'", i)) i++
    word += text[i++]
  }
  return [Buffer.from(word), i < text.length ? i + 1 : -1]
}

/** The reply as lines, after what the step's directives make of it. */
export function show(reply, step) {
  let shown = reply
  if (step.pick) shown = picked(reply, step.pick)
  if (step.unordered) shown = sorted(shown, step.unordered)
  return print(shown, '', step.any ? shapeOf : leaf).split('\n')
}

/** Redis-cli's notation for a terminal. */
function print(reply, prefix, scalar) {
  if (!Array.isArray(reply.value)) return scalar(reply)
  const { kind, value } = reply
  if (value.length === 0) return EMPTY[kind]
  const width = String(value.length).length
  const inner = prefix + ' '.repeat(width + 2)
  const rows = value.map((item, i) => {
    const head = `${i ? prefix : ''}${String(i + 1).padStart(width)}${MARKS[kind]} `
    if (kind !== 'map') return head + print(item, inner, scalar)
    return `${head}${print(item[0], inner, scalar)} => ${print(item[1], inner, scalar)}`
  })
  return rows.join('\n')
}

const EMPTY = {
  array: '(empty array)',
  map: '(empty hash)',
  set: '(empty set)',
  push: '(empty push)',
}
const MARKS = { array: ')', map: '#', set: '~', push: '>' }

function leaf({ kind, value }) {
  if (kind === 'status') return value
  if (kind === 'string') return quoted(value)
  if (kind === 'verbatim') return `(verbatim) ${quoted(value)}`
  if (kind === 'nil') return '(nil)'
  if (kind === 'bool') return value ? '(true)' : '(false)'
  return value === undefined ? `(${kind})` : `(${kind}) ${value}`
}

/** What `@any` shows of a reply: its kind alone. Nil stays nil, which a missing thing answers. */
function shapeOf({ kind }) {
  return `(${kind})`
}

const QUOTED = { 34: '\\"', 92: '\\\\', 10: '\\n', 13: '\\r', 9: '\\t', 7: '\\a', 8: '\\b' }

function quoted(bytes) {
  let text = '"'
  for (const byte of bytes) {
    if (QUOTED[byte]) text += QUOTED[byte]
    else if (byte >= 32 && byte < 127) text += String.fromCharCode(byte)
    else text += `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return `${text}"`
}

/** `@pick a b`: of a text of `a=1 b=2` or `a:1` lines, those named, in the text's order. */
function picked(reply, names) {
  if (reply.kind !== 'string' && reply.kind !== 'verbatim') return reply
  const found = reply.value
    .toString()
    .split(/[\s]+/)
    .filter((word) => names.includes(word.split(/[=:]/)[0]))
  return {
    kind: 'array',
    value: found.map((word) => ({ kind: 'string', value: Buffer.from(word) })),
  }
}

/** `@unordered`: sorted by how the elements print, so that equal contents print equally. */
function sorted(reply, how) {
  if (!Array.isArray(reply.value)) return reply
  if (how.startsWith('scan')) {
    const [cursor, list] = reply.value
    return { ...reply, value: [cursor, sorted(list, how.slice(5) || 'plain')] }
  }
  // RESP3 often nests what RESP2 gives in turns; nested pairs stay together by themselves.
  const inTurns = reply.kind !== 'map' && !Array.isArray(reply.value[0]?.value)
  const size = how === 'pairs' && inTurns ? 2 : 1
  const groups = []
  for (let i = 0; i < reply.value.length; i += size) groups.push(reply.value.slice(i, i + size))
  const text = (group) =>
    group.map((item) => print({ kind: 'array', value: [item].flat() }, '', leaf))
  const keyed = groups.map((group) => [text(group).join('\n'), group])
  keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return { ...reply, value: keyed.flatMap(([, group]) => group) }
}

const SUBSCRIBING = /^[ps]?(un)?subscribe$/i

/** Whether the command's replies are pushes, one for each channel. */
export function answersWithPushes(words) {
  return SUBSCRIBING.test(words[0].toString())
}

/**
 * Plays the steps with a cast that knows how to `send`, `receive`, `advance`, `protocol`, and
 * gives back what each send and receive printed (undefined for steps that are not for it). A cast
 * may be `like` others, and then plays what is only for those as well; one that is `embedded`
 * is no socket.
 * @param {{ name: string, like?: string[], embedded?: boolean, send: Function, receive: Function, advance: Function,
 *   protocol: Function }} cast
 */
export async function play(steps, cast) {
  const printed = []
  let who = 'a'
  for (const step of steps) {
    if (step.kind === 'switch') who = step.name
    const wanted = !step.only || step.only === cast.name || cast.like?.includes(step.only)
    const plays = wanted && !(step.socket && cast.embedded)
    try {
      const reply = plays ? await perform(step, who, cast) : undefined
      printed.push(reply && show(reply, step))
    } catch (error) {
      throw new Error(`line ${step.line}: ${error.message}`, { cause: error })
    }
  }
  return printed
}

async function perform(step, who, cast) {
  if (step.kind === 'send') return cast.send(who, step.words, step)
  if (step.kind === 'receive') return cast.receive(who, step)
  if (step.kind === 'advance') await cast.advance(step.ms)
  if (step.kind === 'protocol') await cast.protocol(who, step.protocol)
  return undefined
}

/** Replies that are no replies. They print as their kind in brackets. */
export const BLOCKED = { kind: 'blocked' }
export const NOTHING = { kind: 'nothing' }
export const CLOSED = { kind: 'closed' }
