-- CreateTable
CREATE TABLE "installation" (
    "isOnly" BOOLEAN NOT NULL DEFAULT true,
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),

    CONSTRAINT "installation_pkey" PRIMARY KEY ("isOnly")
);

-- The one row.
INSERT INTO "installation" DEFAULT VALUES;
