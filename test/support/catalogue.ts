import type pg from 'pg'

/** All that migrations make, line by line: what two databases have in common when they are alike. */
export async function readCatalogue(client: pg.Client, schemas: string[]): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(catalogue, [schemas])
  return rows.map(({ line }) => line)
}

const catalogue = `
  with ours as (select oid, nspname from pg_namespace where nspname = any($1))
  select format('%s %s.%s %s', relkind, nspname, relname, reloptions) as line
  from pg_class join ours on ours.oid = relnamespace
  union all
  select format('column %s.%s.%s %s %s %s', nspname, relname, attname, atttypid::regtype, attnotnull, pg_get_expr(adbin, adrelid))
  from pg_attribute join pg_class on pg_class.oid = attrelid join ours on ours.oid = relnamespace
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
  where attnum > 0 and not attisdropped and relkind = 'r'
  union all
  select format('index %s %s', pg_get_indexdef(indexrelid), indisvalid)
  from pg_index join pg_class on pg_class.oid = indexrelid join ours on ours.oid = relnamespace
  union all
  select format('constraint %s.%s %s', nspname, conname, pg_get_constraintdef(pg_constraint.oid))
  from pg_constraint join ours on ours.oid = connamespace
  union all
  select format('enum %s.%s %s', nspname, typname, string_agg(enumlabel, ',' order by enumsortorder))
  from pg_enum join pg_type on pg_type.oid = enumtypid join ours on ours.oid = typnamespace group by nspname, typname
  union all
  select format('function %s.%s %s %s', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid), md5(prosrc))
  from pg_proc join ours on ours.oid = pronamespace
  union all
  select pg_get_triggerdef(pg_trigger.oid)
  from pg_trigger join pg_class on pg_class.oid = tgrelid join ours on ours.oid = relnamespace where not tgisinternal
  order by line`
