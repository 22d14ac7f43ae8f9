'use strict'

// The example app in a real browser: each room of the page is used as a visitor would, and what the
// visitor sees is checked. Nothing here waits for a time: the store's clock moves when it is told to,
// and the rest waits for what is to be seen.
//
// Chromium is Debian's (`apt install chromium`); CHROMIUM names another program. Without it the
// tests are skipped, but in CI that is a failure.

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { existsSync, mkdtempSync, rmSync } = require('node:fs')
const { createServer } = require('node:http')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { after, before, describe, test } = require('node:test')

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const SERVER = path.join(__dirname, '..', 'examples', 'express', 'server.js')

const found = existsSync(CHROMIUM)
const skip = !found && !process.env.CI && `no Chromium at ${CHROMIUM}: apt install chromium`

describe('the example app in Chromium', { skip, timeout: 120_000 }, () => {
  let profile
  let browser
  let server
  let store
  let app
  let url
  let page

  before(async () => {
    assert.ok(found, `CI needs Chromium at ${CHROMIUM} (apt install chromium)`)
    const { chromium } = require('playwright-core')
    const { Store } = require('..')
    const { createApp } = require('../examples/express/app.js')
    store = new Store({ clock: 'manual' })
    app = createApp({ redis: { store }, apiMs: 300, bakeMs: 100 })
    server = createServer(app).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${server.address().port}/`

    profile = mkdtempSync(path.join(tmpdir(), 'latchkey-example-'))
    const options = {
      executablePath: CHROMIUM,
      args: FLAGS,
      viewport: { width: 1280, height: 900 },
    }
    browser = await chromium.launchPersistentContext(profile, options)
    browser.setDefaultTimeout(20_000)
    page = await openPage()
  })

  after(async () => {
    await browser?.close()
    server?.close()
    server?.closeAllConnections()
    app?.locals.close()
    if (profile) rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })

  /** A page that fails the test when its script throws, ready when its connection is. */
  async function openPage() {
    const opened = await browser.newPage()
    opened.on('pageerror', (error) => assert.fail(`the page threw: ${error.stack}`))
    await opened.goto(url)
    await sees(opened.locator('#fact-live'), 'open')
    return opened
  }

  /** Waits until the element reads so. */
  async function sees(element, text) {
    await element.filter({ hasText: text }).first().waitFor()
  }

  const note = (room) => page.locator(`#${room} .note`)
  const tape = (room) => page.locator(`#${room} .tape`)
  const click = (room, name) =>
    page.locator(`#${room}`).getByRole('button', { name, exact: true }).click()

  test('the page comes without errors and says what it runs on', async () => {
    await sees(page.locator('h1'), 'no Redis server')
    await sees(page.locator('#fact-pid'), `pid ${process.pid}`)
    assert.equal(await page.locator('.room').count(), 9)
  })

  test('a login outlives reloads of the page and ends with leaving', async () => {
    const room = page.locator('#front-door')
    await room.getByLabel('Your name').fill('Ada')
    await click('front-door', 'Come in')
    await sees(room, 'Welcome home, Ada.')
    await sees(tape('front-door'), /SET sess:\S+ .* EX 3600/)

    await page.reload()
    await sees(room, 'Welcome home, Ada.')
    await sees(room, 'You have loaded this page 2 times in this session.')
    await sees(page.locator('#fact-live'), 'open')

    await click('front-door', 'Leave the house')
    await sees(note('front-door'), 'Your session is gone.')
    await page.reload()
    await sees(page.locator('#fact-live'), 'open')
    assert.ok(await room.getByLabel('Your name').isVisible())
  })

  test('a session ends with its cookie, after an hour', async () => {
    const room = page.locator('#front-door')
    await room.getByLabel('Your name').fill('Ada')
    await room.getByLabel('Your name').press('Enter')
    await sees(room, 'Welcome home, Ada.')
    store.advance(60 * 60 * 1000)
    await page.reload()
    await room.getByLabel('Your name').fill('Ada')
    await click('front-door', 'Come in')
    await sees(room, 'Welcome home, Ada.')
  })

  test('the slow answer comes from the cache the second time, and the time saved is shown', async () => {
    const room = page.locator('#trains')
    await room.getByLabel('Station').selectOption('hill')
    await click('trains', 'Ask')
    await sees(note('trains'), /From the railway.*0\.0\ss saved/)
    await sees(room.locator('.board'), 'Observatory')
    await sees(tape('trains'), /SET trains:hill .* EX 20/)

    await click('trains', 'Ask')
    await sees(note('trains'), /From the cache.*0\.3\ss saved/)
    assert.match(await room.locator('[data-api-ms]').textContent(), /^\d{3} ms$/)
    assert.match(await room.locator('[data-now-ms]').textContent(), /µs$|^\d{1,2}\.\d ms$/)

    await click('trains', 'Forget')
    await sees(note('trains'), 'Forgotten')
    await click('trains', 'Ask')
    await sees(note('trains'), 'From the railway')

    await click('trains', 'Ask')
    await sees(note('trains'), /From the cache, for 20\ss more/)
    store.advance(20_000)
    await click('trains', 'Ask')
    await sees(note('trains'), 'From the railway')
  })

  for (const [algorithm, command] of Object.entries({
    'fixed-window': 'LK.WINDOW',
    'sliding-window': 'LK.SLIDE',
    gcra: 'CL.THROTTLE',
  })) {
    test(`the doorbell falls silent after five rings: ${algorithm}`, async () => {
      const lit = page.locator('#bell .lamps .lit')
      await page.locator('#bell').getByLabel('Algorithm').selectOption(algorithm)
      await click('bell', 'Start over')
      await sees(note('bell'), 'Five rings left.')
      for (const left of ['4 rings', '3 rings', '2 rings', '1 ring']) {
        await click('bell', 'Ring')
        await sees(note('bell'), `${left} left`)
        assert.equal(await lit.count(), Number(left[0]))
      }
      await click('bell', 'Ring')
      await sees(note('bell'), '0 rings left')
      await click('bell', 'Ring')
      await sees(note('bell'), /Blocked: too many rings\. Try again in \d+\ss\./)
      await sees(tape('bell'), command)
      await page.getByRole('img', { name: '0 of 5 rings left' }).waitFor()
      store.advance(10_000)
      await click('bell', 'Ring')
      await sees(note('bell'), '4 rings left')
    })
  }

  test('washing up moves Ada up the ranking', async () => {
    const rows = page.locator('#league .ranks li')
    await sees(rows.nth(0), 'Grace')
    await sees(rows.nth(2), 'Ada')
    await click('league', 'Wash five plates')
    await sees(note('league'), 'Ada now in place 3.')
    await click('league', 'Wash five plates')
    await sees(note('league'), 'Ada now in place 2.')
    await sees(rows.nth(1), /Ada.*28/)
    await sees(tape('league'), 'ZINCRBY league 5 Ada')
  })

  test('orders wait in the queue until the worker has baked them, and a bar shows how far it is', async () => {
    const jobs = page.locator('#oven .jobs li')
    // Every width a bar has had, as the browser drew it: the worker is faster than one can look.
    await page.evaluate(() => {
      window.widths = []
      const look = () => {
        const bar = document.querySelector('#oven .jobs li:last-child progress')
        if (bar && bar.value !== window.widths.at(-1)) window.widths.push(bar.value)
        requestAnimationFrame(look)
      }
      look()
    })
    for (const dish of ['Bread', 'Quiche', 'Apple pie']) {
      await page.locator('#oven').getByLabel('Dish').fill(dish)
      await click('oven', 'Order')
      await sees(jobs, dish)
    }
    await sees(tape('oven'), 'EVALSHA addStandardJob')
    for (const dish of ['Bread', 'Quiche', 'Apple pie']) {
      const job = jobs.filter({ hasText: dish })
      await job.filter({ hasText: 'ready' }).waitFor()
      assert.equal(await job.getByRole('progressbar', { name: dish }).getAttribute('value'), '100')
    }
    await sees(note('oven'), 'The queue is empty.')
    const widths = await page.evaluate(() => window.widths)
    assert.ok(widths.length > 3, `${widths}`)
    assert.deepEqual(
      widths,
      [...widths].sort((a, b) => a - b),
    )
    assert.equal(widths.at(-1), 100)
  })

  test('a shout is heard in every window', async () => {
    const other = await openPage()
    await page.locator('#shout').getByLabel('Message').fill('Dinner is ready!')
    await click('shout', 'Shout')
    await sees(note('shout'), 'Heard by 1 subscriber.')
    await sees(page.locator('#shout .heard'), 'Ada: Dinner is ready!')
    await sees(other.locator('#shout .heard'), 'Ada: Dinner is ready!')
    await other.close()
  })

  test('the diary shows an entry when it is written, and keeps it', async () => {
    const entries = page.locator('#diary .entries li')
    await click('diary', 'fed the cat')
    await sees(entries.nth(0), /Ada fed the cat\d+-\d+/)
    await click('diary', 'put the kettle on')
    await sees(entries.nth(0), 'Ada put the kettle on')
    await sees(note('diary'), '2 entries in the diary.')
    await sees(tape('diary'), 'XADD diary')

    const other = await openPage()
    await sees(other.locator('#diary .entries li').nth(0), 'Ada put the kettle on')
    await sees(other.locator('#diary .entries li').nth(1), 'Ada fed the cat')
    await other.close()
  })

  test('the bathroom lets one in, and opens only for the token', async () => {
    const door = page.locator('#bathroom .door')
    await sees(door, 'Nobody is inside.')
    await click('bathroom', 'Go in')
    await sees(note('bathroom'), /You are in\. Your token is [\da-f]{8}\./)
    await sees(door, /Taken\s*Ada is inside, \d+\ss at most/)
    await sees(tape('bathroom'), /SET bathroom .* EX 15 NX/)

    await click('bathroom', 'Linus tries the door')
    await sees(note('bathroom'), 'Linus finds it locked')
    const other = await openPage()
    await sees(other.locator('#bathroom .door'), 'Ada is inside')
    assert.ok(await other.getByRole('button', { name: 'Come out' }).isDisabled())

    await click('bathroom', 'Come out')
    await sees(note('bathroom'), 'The door is open again.')
    await sees(tape('bathroom'), /WATCH bathroom.*MULTI.*DEL bathroom.*EXEC/)
    await sees(other.locator('#bathroom .door'), 'Nobody is inside.')
    await other.close()

    await click('bathroom', 'Linus tries the door')
    await sees(door, 'Linus is inside')
    await click('bathroom', 'Go in')
    await sees(note('bathroom'), 'The door stays shut')
    store.advance(15_000)
    await click('bathroom', 'Go in')
    await sees(note('bathroom'), 'You are in.')
  })

  test('the colours follow the choice, which is remembered', async () => {
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const theme = page.locator('#theme')
    await theme.click()
    await sees(theme, 'Light')
    const light = await paper()
    await theme.click()
    await sees(theme, 'Dark')
    assert.notEqual(await paper(), light)
    await page.reload()
    await sees(theme, 'Dark')
    assert.notEqual(await paper(), light)
    await theme.click()
    await sees(theme, 'System')
  })

  test('nothing runs out of a narrow window', async () => {
    const narrow = await openPage()
    await narrow.setViewportSize({ width: 360, height: 740 })
    const wide = () => document.documentElement.scrollWidth - window.innerWidth
    assert.equal(await narrow.evaluate(wide), 0)
    await narrow.close()
  })
})

test('the server passes over a port that is taken, says where it is, and ends at Ctrl-C', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address()
  const env = { ...process.env, PORT: String(port), HOST: '' }
  const child = spawn(process.execPath, [SERVER], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    let printed = ''
    while (!/http:\S+/.test(printed)) {
      const [chunk] = await once(child.stdout, 'data')
      printed += chunk
    }
    const address = /http:\S+/.exec(printed)[0]
    assert.ok(Number(new URL(address).port) > port)
    assert.match(await (await fetch(address)).text(), /no Redis server/)
    // An open stream of events must not keep the server from ending.
    const live = await fetch(`${address}/api/live`)
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
    await live.body.cancel().catch(() => {})
  } finally {
    child.kill('SIGKILL')
    taken.close()
  }
})
