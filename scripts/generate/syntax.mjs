// Arguments written in Redis' own notation (`key:key value:string [NX | XX] [EX seconds:integer]`)
// read into the same trees in which COMMAND DOCS gives them, so that one printer serves both.
//
//   name:type     a word of that type            TOKEN      the word itself
//   ...name:type  any number of them             [ ... ]    may be left out
//   a | b         one of them (binds weakest inside its brackets or the whole)

/** The argument trees of `text`. */
export function readSyntax(text) {
  const words = text.match(/\[|\]|\||[^\s[\]|]+/g) ?? []
  let at = 0

  function choice() {
    const branches = [[]]
    while (at < words.length && words[at] !== ']') {
      const word = words[at++]
      if (word === '|') branches.push([])
      else branches.at(-1).push(word === '[' ? optional() : one(word))
    }
    return branches
  }

  function optional() {
    const branches = choice()
    at++ // the closing bracket
    const arg =
      branches.length > 1 ? { type: 'oneof', arguments: branches.map(block) } : block(branches[0])
    return { ...arg, flags: ['optional'] }
  }

  const branches = choice()
  if (branches.length > 1) throw new Error(`put brackets around the choice in "${text}"`)
  return joinTokens(branches[0])
}

function one(word) {
  const [, many, name, type] = /^(\.\.\.)?([^:]+)(?::(.+))?$/.exec(word)
  if (!type) return { name: name.toLowerCase(), type: 'pure-token', token: name }
  return { name, type, ...(many && { flags: ['multiple'] }) }
}

/** One argument out of several; `EX seconds:integer` is one argument with a token. */
function block(args) {
  const joined = joinTokens(args)
  return joined.length === 1 ? joined[0] : { type: 'block', arguments: joined }
}

function joinTokens(args) {
  const out = []
  for (const arg of args) {
    const last = out.at(-1)
    const joins = last?.type === 'pure-token' && !last.flags && arg.type !== 'pure-token'
    if (joins && !arg.flags && arg.name) out[out.length - 1] = { ...arg, token: last.token }
    else out.push(arg)
  }
  return out
}
