import { checkEnvironmentsOn } from './check-environments.js'

checkEnvironmentsOn(17)
