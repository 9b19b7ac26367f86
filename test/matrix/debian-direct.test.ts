import { proveGroundsOn } from './prove.js'

proveGroundsOn('Debian', ({ way }) => way === 'direct')
