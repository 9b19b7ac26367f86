-- AlterTable
ALTER TABLE "events" ADD COLUMN     "erasedAt" TIMESTAMPTZ(3);
