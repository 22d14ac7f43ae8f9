// RESP2 and RESP3 as bytes: words out, typed replies in. Replies keep every distinction the
// wire makes (a status is not a string, a set is not an array), because the transcripts show it.
// Not a client: no reconnecting, no pipelining, no opinion about commands.

/**
 * A reply as the wire told it. `value` holds a Buffer for strings, text for errors and statuses,
 * a list of replies for arrays, sets and pushes, and a list of [key, value] for maps. The outermost
 * has the bytes themselves too.
 * @typedef {{ kind: string, value?: any, raw?: Buffer }} Reply
 */

/** One command as an array of bulk strings. */
export function encode(words) {
  const parts = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    parts.push(Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** Reads replies from chunks of any size; `push` returns those that are complete. */
export class Decoder {
  #buffer = Buffer.alloc(0)

  /** @returns {Reply[]} */
  push(chunk) {
    this.#buffer = this.#buffer.length ? Buffer.concat([this.#buffer, chunk]) : chunk
    const replies = []
    let at = 0
    for (;;) {
      const read = decode(this.#buffer, at)
      if (!read) break
      replies.push({ ...read.reply, raw: this.#buffer.subarray(at, read.end) })
      at = read.end
    }
    this.#buffer = this.#buffer.subarray(at)
    return replies
  }
}

const SCALARS = {
  '+': (text) => ({ kind: 'status', value: text }),
  '-': (text) => ({ kind: 'error', value: text }),
  ':': (text) => ({ kind: 'integer', value: text }),
  ',': (text) => ({ kind: 'double', value: text }),
  '(': (text) => ({ kind: 'bignum', value: text }),
  '#': (text) => ({ kind: 'bool', value: text === 't' }),
  _: () => ({ kind: 'nil' }),
}

const AGGREGATES = { '*': 'array', '%': 'map', '~': 'set', '>': 'push' }

function decode(buffer, at) {
  const eol = buffer.indexOf('\r\n', at)
  if (eol < 0) return null
  const mark = String.fromCharCode(buffer[at])
  const text = buffer.toString('utf8', at + 1, eol)
  const start = eol + 2
  if (SCALARS[mark]) return { reply: SCALARS[mark](text), end: start }
  if (mark === '$' || mark === '=') return decodeBulk(buffer, start, mark, Number(text))
  if (AGGREGATES[mark]) return decodeAggregate(buffer, start, AGGREGATES[mark], Number(text))
  throw new Error(`not RESP: ${JSON.stringify(buffer.toString('latin1', at, eol))}`)
}

function decodeBulk(buffer, start, mark, length) {
  if (length < 0) return { reply: { kind: 'nil' }, end: start }
  const end = start + length
  if (buffer.length < end + 2) return null
  const value = buffer.subarray(start, end)
  // A verbatim string opens with its format, `txt:`, which is no part of the text.
  const reply =
    mark === '=' ? { kind: 'verbatim', value: value.subarray(4) } : { kind: 'string', value }
  return { reply, end: end + 2 }
}

function decodeAggregate(buffer, start, kind, count) {
  if (count < 0) return { reply: { kind: 'nil' }, end: start }
  const value = []
  let at = start
  const next = () => {
    const read = decode(buffer, at)
    if (read) at = read.end
    return read
  }
  for (let i = 0; i < count; i++) {
    const item = next()
    if (!item) return null
    if (kind !== 'map') {
      value.push(item.reply)
      continue
    }
    const held = next()
    if (!held) return null
    value.push([item.reply, held.reply])
  }
  return { reply: { kind, value }, end: at }
}
