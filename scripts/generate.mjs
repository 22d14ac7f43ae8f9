// Writes what follows from the table of commands, so that nothing about a command is said twice:
//
//   types/commands.d.ts   one method and its Buffer twin per command
//   docs/commands.md      which commands latchkey has, and which come later
//
//   npm run generate              writes both
//   npm run generate -- --check   fails when one of them is not what would be written
//
// The table inside the native module says which commands there are, src/command/facts.json what a
// running server says about them, types/signatures.json (by hand) what TypeScript must know beside
// it: the replies, and arguments where the facts are too coarse. The work is in scripts/generate/.

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { commandDocs } from './generate/docs.mjs'
import { commandTypes } from './generate/types.mjs'

const root = new URL('../', import.meta.url)
const json = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'))

/** Methods that index.d.ts types by hand, because they change what the client is. */
const BY_HAND = new Set(['multi', 'exec', 'monitor'])

/**
 * The names in the table of the built module; a subcommand is `config|get`. Not DEBUG PANIC, which
 * is there in debug builds alone.
 */
function tableNames() {
  let native
  try {
    native = createRequire(import.meta.url)('../native.js')
  } catch (error) {
    throw new Error(`the native module has the table of commands: npm run build (${error.message})`)
  }
  const names = JSON.parse(native.commandTable()).map(({ name }) => name)
  return names.filter((name) => name !== 'debug|panic').sort()
}

const facts = json('src/command/facts.json')
const signatures = json('types/signatures.json')
const names = tableNames()
const outputs = {
  'types/commands.d.ts': commandTypes(
    names.filter((name) => !BY_HAND.has(name)),
    facts,
    signatures,
  ),
  'docs/commands.md': commandDocs(names, facts),
}

for (const [path, wanted] of Object.entries(outputs)) {
  const url = new URL(path, root)
  if (!process.argv.includes('--check')) {
    writeFileSync(url, wanted)
  } else if (readFileSync(url, 'utf8') !== wanted) {
    console.error(`${path} is not what the table of commands says: npm run generate`)
    process.exitCode = 1
  }
}
