-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "labels" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- CreateIndex
CREATE INDEX "subscriptions_labels_idx" ON "subscriptions" USING GIN ("labels");
