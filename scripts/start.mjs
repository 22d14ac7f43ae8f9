/** `npm start`: sets up what is missing and runs the example app. */
import { createRequire } from 'node:module'
import { runScript, setUp } from './setup.mjs'

await runScript(() => {
  setUp()
  createRequire(import.meta.url)('../examples/express/server.js')
})
