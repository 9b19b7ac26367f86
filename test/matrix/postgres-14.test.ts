import { proveGroundsOn } from './prove.js'

proveGroundsOn(14)
