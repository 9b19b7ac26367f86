-- AlterTable
ALTER TABLE "endpointHealth" ADD COLUMN     "reportedFailingSince" TIMESTAMPTZ(3);
