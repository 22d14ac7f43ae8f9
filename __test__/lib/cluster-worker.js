'use strict'

// What a worker of node:cluster does in class.test.js.

const Redis = require('../..')

new Redis()
new Redis().ping().then(() => process.disconnect())
