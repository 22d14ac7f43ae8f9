'use strict'

/** Starts the example. PORT and HOST choose its address; a port that is taken is passed over. */

const { createServer } = require('node:http')
const { createApp } = require('./app.js')

const PORTS_TO_TRY = 20

const app = createApp({ secret: process.env.SESSION_SECRET })
const server = createServer(app)
const host = process.env.HOST || '127.0.0.1'
const firstPort = Number(process.env.PORT || 3000)
let port = firstPort

server.on('error', (error) => {
  if (error.code === 'EADDRINUSE' && port < firstPort + PORTS_TO_TRY) {
    port += 1
    server.listen(port, host)
    return
  }
  console.error(`The example could not start: ${error.message}`)
  app.locals.close()
  process.exitCode = 1
})

server.on('listening', () => {
  const { address, port } = server.address()
  const name = address === '127.0.0.1' || address === '::' ? 'localhost' : address
  console.log(`\n  The house is open: http://${name}:${port}\n  Ctrl-C closes it.\n`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    app.locals.close()
  })
}

server.listen(port, host)
