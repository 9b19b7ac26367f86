/**
 * Reports endpoints that have recovered. The recorder marks an endpoint that it reports as failing. Once the breaker is
 * closed and an attempt has succeeded, this takes the mark away, in the statement that stores the operational event. So
 * recording a success costs nothing, and nothing is lost where a process dies in between.
 */
import {
  type ReportedRow,
  reportedRowKind,
  sqlIsoTime,
  sqlObject,
  sqlReportParts,
} from '../../model/operational-event.js'
import { sqlRowsOfKinds } from '../../model/row-kinds.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { announceReported } from '../../telemetry/changes.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'

const hasRecovered = (h: string): string => `
  ${h}."reportedFailingSince" is not null and ${h}."probeAt" is null and ${h}.pace is null
  and ${h}."consecutiveFailures" = 0`

const reportRecoveries: Statement = {
  name: 'report-recovered-endpoints',
  text: `
    with found as materialized (
      select h."subscriptionId", h."reportedFailingSince" from "endpointHealth" h
      where ${hasRecovered('h')} limit 500 for no key update skip locked
    ), recovered as (
      update "endpointHealth" h set "reportedFailingSince" = null
      from found where h."subscriptionId" = found."subscriptionId" and ${hasRecovered('h')}
      returning h."subscriptionId", h."lastSuccessAt", h."lastFailureAt", found."reportedFailingSince" as "failedSince"
    ), ${sqlReportParts({
      type: 'service.endpoint.recovered',
      from: `recovered r cross join lateral (select tenant from subscriptions where id = r."subscriptionId" limit 1) as s`,
      tenant: 's.tenant',
      data: {
        ...{ subscriptionId: 'r."subscriptionId"', tenant: 's.tenant' },
        health: sqlObject({
          ...{ state: `'HEALTHY'`, consecutiveFailures: '0', failingSince: 'null::text' },
          ...{
            lastSuccessAt: sqlIsoTime('r."lastSuccessAt"'),
            lastFailureAt: sqlIsoTime('r."lastFailureAt"'),
          },
        }),
        failedSince: sqlIsoTime('r."failedSince"'),
      },
    })}
    ${sqlRowsOfKinds({ reported: reportedRowKind })}`,
}

export async function reportRecoveredEndpoints(
  database: Database,
  serviceEvents: ServiceEvents,
): Promise<void> {
  announceReported(serviceEvents, await database.query<ReportedRow>(reportRecoveries, []))
}
