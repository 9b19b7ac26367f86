import { checkEnvironmentsOn } from './check-environments.js'

checkEnvironmentsOn('Debian', ({ connection }) => connection !== 'direct')
