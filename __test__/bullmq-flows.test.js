'use strict'

// BullMQ as it is published, with clients of latchkey for its connections: flows, and what can be seen
// of jobs and done to them from outside.

const assert = require('node:assert/strict')
const { setTimeout: delay } = require('node:timers/promises')
const {
  GENERATIONS,
  countsOf,
  deferred,
  describeBoth,
  forbidNetworkAndWarnings,
  it,
  next,
  openHouse,
} = require('./lib/bullmq.js')

forbidNetworkAndWarnings()

describeBoth('flows', (bullmq) => {
  it('a parent waits for its children and gets what they returned', async (t) => {
    const house = openHouse(t, bullmq)
    const flows = house.flows()
    const queue = house.queue()
    const order = []
    const worker = house.worker(
      async (job) => {
        order.push(job.name)
        if (job.name !== 'parent') return job.data * 2
        return Object.values(await job.getChildrenValues()).sort()
      },
      { concurrency: 2 },
    )
    const completed = next(worker, 'completed', 4)
    const node = await flows.add({
      name: 'parent',
      queueName: 'work',
      data: {},
      children: [1, 2, 3].map((data) => ({ name: `child ${data}`, data, queueName: 'work' })),
    })
    assert.equal(node.children.length, 3)
    const jobs = await completed
    assert.equal(order[3], 'parent')
    assert.deepEqual(jobs[3][1], [2, 4, 6])
    const parent = await queue.getJob(node.job.id)
    const { processed, unprocessed } = await parent.getDependencies()
    assert.equal(Object.keys(processed).length, 3)
    assert.deepEqual(unprocessed ?? [], [])
  })

  it('a tree spans queues, and is read back as a tree', async (t) => {
    const house = openHouse(t, bullmq)
    const flows = house.flows()
    const root = house.queue({}, 'roots')
    const seen = []
    const leaves = house.worker(async (job) => seen.push(job.name), {}, 'leaves')
    const roots = house.worker(async (job) => seen.push(job.name), {}, 'roots')
    await Promise.all([leaves.pause(), roots.pause()])
    const tree = await flows.add({
      name: 'top',
      queueName: 'roots',
      children: [
        {
          name: 'middle',
          queueName: 'roots',
          children: [{ name: 'leaf', queueName: 'leaves', data: { n: 1 } }],
        },
      ],
    })
    assert.equal(await tree.job.getState(), 'waiting-children')
    assert.equal(await root.getWaitingChildrenCount(), 2)
    const read = await flows.getFlow({ id: tree.job.id, queueName: 'roots' })
    assert.equal(read.children[0].job.name, 'middle')
    assert.deepEqual(read.children[0].children[0].job.data, { n: 1 })
    const completed = next(roots, 'completed', 2)
    leaves.resume()
    roots.resume()
    await completed
    assert.deepEqual(seen, ['leaf', 'middle', 'top'])
  })

  it('a child that fails fails its parent, if it is told so', async (t) => {
    const house = openHouse(t, bullmq)
    const flows = house.flows()
    const events = house.events()
    house.worker(async (job) => {
      if (job.name === 'bad') throw new Error('spoilt')
    })
    const failed = next(events, 'failed', 2)
    const tree = await flows.add({
      name: 'parent',
      queueName: 'work',
      children: [{ name: 'bad', queueName: 'work', opts: { failParentOnFailure: true } }],
    })
    const ids = (await failed).map(([{ jobId }]) => jobId)
    assert.ok(ids.includes(tree.job.id))
    assert.equal(await tree.job.getState(), 'failed')
  })

  it('a child that fails may be ignored, or dropped', async (t) => {
    const house = openHouse(t, bullmq)
    const flows = house.flows()
    const worker = house.worker(async (job) => {
      if (job.name.startsWith('bad')) throw new Error('spoilt')
      if (job.name === 'good') return 'fine'
      return {
        values: Object.values(await job.getChildrenValues()),
        ignored: Object.values(await job.getIgnoredChildrenFailures()),
      }
    })
    const completed = next(worker, 'completed', 2)
    await flows.add({
      name: 'parent',
      queueName: 'work',
      children: [
        { name: 'bad 1', queueName: 'work', opts: { ignoreDependencyOnFailure: true } },
        { name: 'bad 2', queueName: 'work', opts: { removeDependencyOnFailure: true } },
        { name: 'good', queueName: 'work' },
      ],
    })
    const results = (await completed).map(([job, result]) => [job.name, result])
    assert.deepEqual(results, [
      ['good', 'fine'],
      ['parent', { values: ['fine'], ignored: ['spoilt'] }],
    ])
  })

  it('a processor can add children to its own job and wait for them', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async (job, token) => {
      if (job.name === 'child') return job.data.n
      if (job.data.asked) return Object.values(await job.getChildrenValues())
      const parent = { id: job.id, queue: job.queueQualifiedName }
      await queue.add('child', { n: 7 }, { parent })
      await job.updateData({ asked: true })
      if (await job.moveToWaitingChildren(token)) throw new bullmq.WaitingChildrenError()
      return 'nothing to wait for'
    })
    const completed = next(worker, 'completed', 2)
    await queue.add('parent', {})
    assert.deepEqual(
      (await completed).map(([, result]) => result),
      [7, [7]],
    )
  })

  it('many flows are added in one go', async (t) => {
    const house = openHouse(t, bullmq)
    const flows = house.flows()
    const worker = house.worker(async () => {}, { concurrency: 10 })
    const completed = next(worker, 'completed', 30)
    const trees = await flows.addBulk(
      Array.from({ length: 10 }, (_, i) => ({
        name: `p${i}`,
        queueName: 'work',
        children: [
          { name: 'c', queueName: 'work' },
          { name: 'c', queueName: 'work' },
        ],
      })),
    )
    assert.equal(trees.length, 10)
    await completed
  })
})

describeBoth('events', (bullmq) => {
  it('the life of a job is told in events', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const events = house.events()
    const told = []
    for (const event of ['added', 'waiting', 'active', 'progress', 'completed']) {
      events.on(event, (args) => told.push([event, args.jobId]))
    }
    const completed = next(events, 'completed')
    house.worker(async (job) => {
      await job.updateProgress({ percent: 50 })
      return 'ok'
    })
    await queue.add('x', {})
    const [[{ returnvalue, prev }]] = await completed
    assert.deepEqual([returnvalue, prev], ['ok', 'active'])
    assert.deepEqual(told, [
      ['added', '1'],
      ['waiting', '1'],
      ['active', '1'],
      ['progress', '1'],
      ['completed', '1'],
    ])
  })

  it('progress is heard by worker and events, and read from the job', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const events = house.events()
    const heard = next(events, 'progress', 2)
    const worker = house.worker(async (job) => {
      await job.updateProgress(10)
      await job.updateProgress({ done: 2, of: 3 })
    })
    const seen = next(worker, 'progress', 2)
    await queue.add('x', {})
    assert.deepEqual(
      (await heard).map(([{ data }]) => data),
      [10, { done: 2, of: 3 }],
    )
    assert.deepEqual(
      (await seen).map(([, data]) => data),
      [10, { done: 2, of: 3 }],
    )
    assert.deepEqual((await queue.getJob('1')).progress, { done: 2, of: 3 })
  })

  it('one can wait for the end of a job, good or bad', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const events = house.events()
    house.worker(async (job) => {
      if (job.name === 'bad') throw new Error('went wrong')
      return { n: 1 }
    })
    const good = await queue.add('good', {})
    assert.deepEqual(await good.waitUntilFinished(events), { n: 1 })
    const bad = await queue.add('bad', {})
    await assert.rejects(bad.waitUntilFinished(events), /went wrong/)
    assert.deepEqual(await good.waitUntilFinished(events), { n: 1 })
  })

  it('events that are past can be read from the beginning', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await queue.add('one', {})
    await queue.add('two', {})
    const events = house.events({ autorun: false })
    const added = next(events, 'added', 2)
    events.run()
    assert.deepEqual(
      (await added).map(([{ name: job }]) => job),
      ['one', 'two'],
    )
  })

  it('the stream of events is trimmed', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue({ streams: { events: { maxLen: 10 } } })
    await queue.waitUntilReady()
    await queue.addBulk(Array.from({ length: 500 }, () => ({ name: 'x', data: {} })))
    const length = await house.connection.xlen('bull:work:events')
    assert.ok(length >= 10 && length < 500, `${length}`)
    await queue.trimEvents(0)
    assert.equal(await house.connection.xlen('bull:work:events'), 0)
  })

  it("events of one's own are published beside them", async (t) => {
    const house = openHouse(t, bullmq)
    const producer = house.producer()
    const events = house.events()
    const heard = next(events, 'mine')
    await producer.publishEvent({ eventName: 'mine', word: 'hello' })
    const [[args]] = await heard
    assert.equal(args.word, 'hello')
  })

  it('logs of a job are kept, the last ones if they are many', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const job = await queue.add('x', {}, { keepLogs: 2 })
    for (const line of ['a', 'b', 'c']) await job.log(line)
    assert.deepEqual(await queue.getJobLogs(job.id), { logs: ['b', 'c'], count: 2 })
    await job.clearLogs()
    assert.deepEqual(await queue.getJobLogs(job.id), { logs: [], count: 0 })
  })
})

describeBoth('stalled jobs', (bullmq) => {
  /** Takes a job as a worker would that then dies: nobody renews its lock. */
  async function abandon(house, queue) {
    const dead = house.worker(null, { autorun: false, lockDuration: 20 })
    await queue.add('x', {})
    return dead.getNextJob('dead')
  }

  it('a job whose worker died is done by another', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const events = house.events()
    const told = next(events, 'stalled')
    const lost = await abandon(house, queue)
    const worker = house.worker(async () => 'saved', { stalledInterval: 30 })
    const stalled = next(worker, 'stalled')
    const [[job, result]] = await next(worker, 'completed')
    assert.deepEqual([job.id, result, job.stalledCounter], [lost.id, 'saved', 1])
    assert.deepEqual(await stalled, [[lost.id, 'active']])
    assert.equal((await told)[0][0].jobId, lost.id)
  })

  it('a job that stalls too often is failed', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await abandon(house, queue)
    const worker = house.worker(async () => 'never', {
      stalledInterval: 30,
      maxStalledCount: 0,
    })
    const [[job, error]] = await next(worker, 'failed')
    assert.equal(job.id, '1')
    assert.match(error.message, /job stalled more than allowable limit/)
    assert.equal(await queue.getFailedCount(), 1)
  })

  it('a job that takes long keeps its lock while its worker lives', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    let renewals = 0
    const processor = async (job) => {
      let ttlMs = Number.POSITIVE_INFINITY
      while (renewals < 2) {
        const now = await house.connection.pttl(`bull:work:${job.id}:lock`)
        assert.ok(now > 0)
        if (now > ttlMs) renewals += 1
        ttlMs = now
        await delay(5)
      }
    }
    const worker = house.worker(processor, { lockDuration: 10_000, lockRenewTime: 40 })
    const completed = next(worker, 'completed')
    await queue.add('long', {})
    await completed
    assert.equal(renewals, 2)
  })
})

describeBoth('pause and resume', (bullmq) => {
  it('a paused queue keeps its jobs until it is resumed', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const events = house.events()
    const told = Promise.all([next(events, 'paused'), next(events, 'resumed')])
    const worker = house.worker(async () => {})
    await worker.waitUntilReady()
    await queue.pause()
    assert.equal(await queue.isPaused(), true)
    const completed = next(worker, 'completed', 2)
    await queue.add('a', {})
    await queue.add('b', {}, { priority: 1 })
    assert.equal(await queue.getCompletedCount(), 0)
    assert.equal((await queue.getJobs(['paused', 'waiting', 'prioritized'])).length, 2)
    await queue.resume()
    await completed
    assert.equal(await queue.isPaused(), false)
    await told
  })

  it('a paused worker finishes what it has begun and takes nothing more', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const gate = deferred()
    const worker = house.worker(async () => gate.promise)
    const active = next(worker, 'active')
    const completed = next(worker, 'completed')
    await queue.add('a', {})
    await active
    const paused = worker.pause()
    await queue.add('b', {})
    gate.resolve()
    await completed
    await paused
    assert.equal(worker.isPaused(), true)
    assert.deepEqual(await countsOf(queue, 'waiting', 'completed'), {
      waiting: 1,
      completed: 1,
    })
    const rest = next(worker, 'completed')
    worker.resume()
    await rest
  })

  it('closing a worker waits for its jobs', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    let finished = false
    const worker = house.worker(async () => {
      await delay(20)
      finished = true
    })
    const active = next(worker, 'active')
    await queue.add('a', {})
    await active
    await worker.close()
    assert.ok(finished)
    assert.equal(await queue.getCompletedCount(), 1)
  })
})

describeBoth('removal', (bullmq) => {
  it('a job is removed with all that was kept of it, unless it is being done', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const job = await queue.add('x', {})
    await job.log('a line')
    await job.remove()
    assert.equal(await queue.getJob(job.id), undefined)
    assert.equal(await house.connection.exists(`bull:work:${job.id}:logs`), 0)

    const gate = deferred()
    const worker = house.worker(async () => gate.promise)
    const active = next(worker, 'active')
    const busy = await queue.add('busy', {})
    await active
    await assert.rejects(busy.remove(), /locked/)
    const completed = next(worker, 'completed')
    gate.resolve()
    await completed
    assert.equal(await queue.remove(busy.id), 1)
  })

  it('finished jobs are removed as the options say', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue({ defaultJobOptions: { removeOnComplete: { count: 2 } } })
    const worker = house.worker(async (job) => {
      if (job.data.fail) throw new Error('no')
    })
    const completed = next(worker, 'completed', 5)
    await queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'x', data: {} })))
    await completed
    assert.deepEqual(
      (await queue.getCompleted()).map(({ id }) => id),
      ['5', '4'],
    )
    const failed = next(worker, 'failed')
    await queue.add('x', { fail: true }, { removeOnFail: true })
    await failed
    assert.equal(await queue.getJob('6'), undefined)
  })

  it('drain removes what waits, clean what is old', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async () => {})
    const completed = next(worker, 'completed', 3)
    await queue.addBulk(Array.from({ length: 3 }, () => ({ name: 'x', data: {} })))
    await completed
    await worker.close()
    await queue.add('waits', {})
    await queue.add('urgent', {}, { priority: 1 })
    await queue.add('later', {}, { delay: 60_000 })
    await queue.drain()
    const states = ['waiting', 'prioritized', 'delayed', 'completed']
    assert.deepEqual(await countsOf(queue, ...states), {
      waiting: 0,
      prioritized: 0,
      delayed: 1,
      completed: 3,
    })
    await queue.drain(true)
    assert.deepEqual(await queue.clean(60_000, 10, 'completed'), [])
    assert.equal((await queue.clean(0, 2, 'completed')).length, 2)
    assert.equal((await queue.clean(0, 0, 'completed')).length, 1)
    assert.equal(await queue.count(), 0)
  })

  it('obliterate leaves nothing of a queue, and forces it only if told so', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const gate = deferred()
    const worker = house.worker(async () => gate.promise)
    const active = next(worker, 'active')
    await queue.addBulk(Array.from({ length: 20 }, () => ({ name: 'x', data: {} })))
    await queue.add('later', {}, { delay: 60_000 })
    await queue.add('urgent', {}, { priority: 3 })
    await active
    await assert.rejects(queue.obliterate(), /active jobs/)
    worker.on('error', () => house.errors.splice(0)) // its job is taken from under it
    await queue.obliterate({ force: true })
    gate.resolve()
    await worker.close()
    const left = await house.connection.keys('bull:work:*')
    assert.deepEqual(
      left.filter((key) => !/:(stalled-check|meta|id|marker|events)$/.it(key)),
      [],
    )
  })

  it('the parts of a flow are removed together', async (t) => {
    const house = openHouse(t, bullmq)
    const flows = house.flows()
    const queue = house.queue()
    const tree = await flows.add({
      name: 'parent',
      queueName: 'work',
      children: [
        { name: 'a', queueName: 'work' },
        { name: 'b', queueName: 'work', children: [{ name: 'c', queueName: 'work' }] },
      ],
    })
    assert.equal((await queue.getJobs()).length, 4)
    await tree.job.remove()
    assert.deepEqual(await queue.getJobs(), [])
  })
})

describeBoth('looking in', (bullmq) => {
  it('metrics count what was completed and failed', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const metrics = { maxDataPoints: bullmq.MetricsTime.ONE_HOUR }
    const worker = house.worker(
      async (job) => {
        if (job.data % 3 === 0) throw new Error('no')
      },
      { metrics },
    )
    const events = house.events()
    const drained = next(events, 'failed', 3)
    const completed = next(worker, 'completed', 6)
    await queue.addBulk(Array.from({ length: 9 }, (_, data) => ({ name: 'x', data })))
    await drained
    await completed
    const done = await queue.getMetrics('completed')
    assert.equal(done.meta.count, 6)
    assert.equal((await queue.getMetrics('failed')).meta.count, 3)
    const text = await queue.exportPrometheusMetrics()
    assert.match(text, /bullmq_job_count\{queue="work", state="completed"\} 6/)
  })

  it('metrics of past minutes are points', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    let shiftMs = 0
    const { now } = Date
    t.mock.method(Date, 'now', () => now.call(Date) + shiftMs)
    const worker = house.worker(null, {
      autorun: false,
      metrics: { maxDataPoints: 10 },
    })
    for (let minute = 0; minute < 3; minute += 1) {
      await queue.add('x', {})
      const job = await worker.getNextJob('t')
      await job.moveToCompleted('ok', 't', false)
      shiftMs += 60_000
    }
    const { data, count, meta } = await queue.getMetrics('completed')
    assert.equal(meta.count, 3)
    assert.equal(count, data.length)
    assert.deepEqual(data.map(Number), [1, 1])
  })

  it('jobs are found by their state, in either order and by page', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await queue.addBulk(Array.from({ length: 5 }, (_, i) => ({ name: `w${i}`, data: {} })))
    await queue.add('d', {}, { delay: 60_000 })
    await queue.add('p', {}, { priority: 2 })
    const names = (jobs) => jobs.map(({ name: job }) => job)
    assert.deepEqual(names(await queue.getJobs(['wait'], 1, 3, true)), ['w1', 'w2', 'w3'])
    assert.deepEqual(names(await queue.getJobs(['wait'], 0, 1)), ['w4', 'w3'])
    assert.deepEqual(names(await queue.getDelayed()), ['d'])
    assert.deepEqual(names(await queue.getPrioritized()), ['p'])
    assert.equal(await queue.count(), 7)
    assert.equal(await queue.getJobCountByTypes('wait', 'delayed'), 6)
    const meta = await queue.getMeta()
    assert.match(meta.version, /^bullmq:/)
  })

  it('workers are found by the names of their connections', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async () => {}, { name: 'ann' })
    const other = house.worker(async () => {})
    await Promise.all([worker.waitUntilReady(), other.waitUntilReady()])
    const workers = await queue.getWorkers()
    assert.equal(await queue.getWorkersCount(), 2)
    assert.ok(workers.some(({ rawname }) => rawname.endsWith(':w:ann')))
  })

  it('versions and policy are what it asks for', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await queue.waitUntilReady()
    const connection = queue.getBackend ? queue.getBackend().connection : queue.connection
    const [major, minor, patch] = connection.redisVersion.split('.').map(Number)
    assert.ok(major > 7 || (major === 7 && (minor > 0 || patch >= 8)), connection.redisVersion)
    assert.deepEqual(connection.capabilities, { canDoubleTimeout: true, canBlockFor1Ms: true })
  })
})

it('bullmq 6: messages go from one relay to another', async (t) => {
  const { Relay } = GENERATIONS['bullmq 6']
  const { connection } = openHouse(t, GENERATIONS['bullmq 6'])
  const [here, there] = ['here', 'there'].map((nodeId) => new Relay({ connection, nodeId }))
  const heard = deferred()
  await there.subscribe('news.*', heard.resolve)
  const { nodes } = await here.publish('news.today', { text: 'rain' })
  assert.equal(nodes, 1)
  const { topic, data } = await heard.promise
  assert.deepEqual([topic, data], ['news.today', { text: 'rain' }])
  await here.close()
  await there.close()
})
