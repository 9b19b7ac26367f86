-- CreateEnum
CREATE TYPE "ReplayKind" AS ENUM ('REPLAY', 'RETRY', 'DISCARD');

-- AlterTable
ALTER TABLE "replays" ADD COLUMN     "kind" "ReplayKind" NOT NULL DEFAULT 'REPLAY';
