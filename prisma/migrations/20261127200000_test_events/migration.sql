-- AlterTable
ALTER TABLE "events" ADD COLUMN     "isTest" BOOLEAN NOT NULL DEFAULT false;
