// What an ES module sees.

import Redis, {
  Command,
  Pipeline,
  type RedisOptions,
  type Redis as Named,
  ReplyError,
  Store,
} from 'latchkey'
import * as all from 'latchkey'

const options: RedisOptions = { store: new Store(), db: 1 }
const redis: Redis = new Redis(options)
const same: Named = redis
const typed: Promise<string | null> = same.get('key')
const other: Redis.ChainableCommander = redis.pipeline()

redis.on('error', (error) => error instanceof ReplyError && error.command.name)
new all.default().sendCommand(new Command('get', ['key']))
new Pipeline(redis).addBatch([['get', 'key']])
typed.then(() => other.exec())
