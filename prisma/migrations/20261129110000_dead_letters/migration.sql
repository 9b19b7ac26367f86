-- AlterTable
ALTER TABLE "deliveries" ADD COLUMN     "discardedAt" TIMESTAMPTZ(3);
