/** The plans of a server with other defaults: JIT on, and costs for disks that turn. */
import { inject } from 'vitest'
import { provePlans } from '../support/plans-suite.js'
import { postgresProgram, programIn } from './setup/programs.js'

provePlans(() => programIn(inject('programs'), postgresProgram('Debian')))
