-- CreateEnum
CREATE TYPE "ReplayKind" AS ENUM ('REPLAY', 'RETRY', 'DISCARD');

-- AlterTable
ALTER TABLE "replays" ADD COLUMN     "kind" "ReplayKind" NOT NULL DEFAULT 'REPLAY';

-- A process of the version before takes every row for a replay. It refuses a filter that says `isDiscarded`, which it
-- does not know, and does nothing. So jobs of the other kinds always say it.
ALTER TABLE "replays" ADD CONSTRAINT "replays_not_for_the_version_before"
    CHECK ("kind" = 'REPLAY' OR ("filter" -> 'isDiscarded') IS NOT NULL);
