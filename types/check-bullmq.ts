/** Held against the declarations by `tsc`: BullMQ as an application uses it with latchkey. */
import * as bullmq from 'bullmq'
import * as bullmq5 from 'bullmq-5'
import { Store } from 'latchkey'
import { connection, install } from 'latchkey/bullmq'

const store = new Store()
const uninstall: () => void = install(bullmq, { store, db: 1 })
uninstall()
install(bullmq5)
// @ts-expect-error: an address is what this is there to do without
install(bullmq, { host: 'redis.example' })
// @ts-expect-error: the whole package is wanted
install(bullmq.Queue)

const shared = connection({ store })
const queue = new bullmq.Queue<{ to: string }>('mail', { connection: shared })
queue.add('welcome', { to: 'ada' })
new bullmq.Worker('mail', async (job) => job.name, { connection: shared })
new bullmq.QueueEvents('mail', { connection: connection() })
new bullmq.FlowProducer({ connection: shared })
new bullmq5.Queue('mail', { connection: connection() })
const shared5 = connection<bullmq5.ConnectionOptions>()
new bullmq5.Worker('mail', async (job) => job.name, { connection: shared5 })
shared.disconnect()
