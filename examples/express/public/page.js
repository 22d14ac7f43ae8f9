/** Puts the rooms on the page to work. Each has a file of its own in `parts/`. */
import { bathroom } from './parts/bathroom.js'
import { bell } from './parts/bell.js'
import { diary } from './parts/diary.js'
import { facts } from './parts/facts.js'
import { frontDoor } from './parts/front-door.js'
import { league } from './parts/league.js'
import { listen } from './parts/live.js'
import { oven } from './parts/oven.js'
import { shout } from './parts/shout.js'
import { theme } from './parts/theme.js'
import { trains } from './parts/trains.js'

theme()
const live = listen()
facts(live)
for (const part of [frontDoor, trains, bell, league, oven, shout, diary, bathroom]) part(live)
