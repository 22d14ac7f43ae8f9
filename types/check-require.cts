// What a CommonJS module sees, with the two ways in which TypeScript writes it.

import Redis = require('latchkey')

const redis: Redis = new Redis()
const named: Redis.Redis = new Redis.Redis({ store: new Redis.Store() })
const viaDefault: Redis = new Redis.default()
const scan: Redis.ScanStream = redis.scanStream({ match: 'a*' })
const callback: Redis.Callback<string> = Redis.print

named.get('key', callback as Redis.Callback<string | null>)
viaDefault.once('ready', () => scan.close())
