import { provePlans } from '../support/plans-suite.js'

provePlans()
