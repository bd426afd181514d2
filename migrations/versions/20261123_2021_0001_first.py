"""The first schema: accounts, door, customers, jobs, reports, parts, expenses."""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "customer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("phone", sa.String(length=30), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_customer_phone"), ["phone"], unique=False)

    op.create_table(
        "group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("city", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group")),
        sa.UniqueConstraint("name", name=op.f("uq_group_name")),
    )
    op.create_table(
        "instance",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=36), nullable=False),
        sa.Column("epoch", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
    )
    op.create_table(
        "part",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("price", fieldapp.platform.database.Money(), nullable=False),
        sa.Column("category", sa.String(length=30), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part")),
        sa.UniqueConstraint("number", name=op.f("uq_part_number")),
    )
    with op.batch_alter_table("part", schema=None) as batch_op:
        batch_op.create_index("ix_part_choice", ["active", "category", "number"], unique=False)

    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("phone", sa.String(length=30), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("session_key", sa.String(length=32), nullable=False),
        sa.Column("created_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("username", name=op.f("uq_user_username")),
    )
    op.create_table(
        "approval_case",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("requester_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("amount", fieldapp.platform.database.Money(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("waiting_role", sa.String(length=20), nullable=True),
        sa.Column("opened_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("closed_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_approval_case_group_id_group")),
        sa.ForeignKeyConstraint(["requester_id"], ["user.id"], name=op.f("fk_approval_case_requester_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_case")),
        sa.UniqueConstraint(
            "subject_type", "subject_id", "round", name=op.f("uq_approval_case_subject_type_subject_id_round")
        ),
    )
    with op.batch_alter_table("approval_case", schema=None) as batch_op:
        batch_op.create_index(
            "ix_approval_case_inbox", ["state", "waiting_role", "group_id", "opened_at"], unique=False
        )
        batch_op.create_index("ix_approval_case_requester", ["requester_id", "state"], unique=False)

    op.create_table(
        "attachment",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("op", sa.String(length=36), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("agg_type", sa.String(length=40), nullable=True),
        sa.Column("agg_id", sa.String(length=36), nullable=True),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("mime", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("stored_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_attachment_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.create_index("ix_attachment_agg", ["agg_type", "agg_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_attachment_op"), ["op"], unique=False)
        batch_op.create_index(batch_op.f("ix_attachment_sha256"), ["sha256"], unique=False)

    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("op", sa.String(length=36), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("agg_type", sa.String(length=40), nullable=False),
        sa.Column("agg_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("dev", sa.String(length=36), nullable=True),
        sa.Column("device_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.Column("at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_audit_entry_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entry_agg", ["agg_type", "agg_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_entry_op"), ["op"], unique=False)

    op.create_table(
        "contract",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("service", sa.String(length=200), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_contract_customer_id_customer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract")),
        sa.UniqueConstraint("number", name=op.f("uq_contract_number")),
    )
    with op.batch_alter_table("contract", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contract_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "device",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dev", sa.String(length=36), nullable=False),
        sa.Column("ep", sa.String(length=8), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("build", sa.String(length=64), nullable=False),
        sa.Column("display_mode", sa.String(length=20), nullable=False),
        sa.Column("persisted", sa.Boolean(), nullable=True),
        sa.Column("pending", sa.JSON(), nullable=True),
        sa.Column("next_seq", sa.BigInteger(), nullable=False),
        sa.Column("clock_offset_ms", sa.BigInteger(), nullable=True),
        sa.Column("first_seen_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("last_seen_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_device_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("dev", "ep", "user_id", name=op.f("uq_device_dev_ep_user_id")),
    )
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.create_index("ix_device_user", ["user_id"], unique=False)

    op.create_table(
        "expense_claim",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("total", fieldapp.platform.database.Money(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("submitted_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("approved_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_expense_claim_group_id_group")),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_expense_claim_owner_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expense_claim")),
        sa.UniqueConstraint("number", name=op.f("uq_expense_claim_number")),
    )
    with op.batch_alter_table("expense_claim", schema=None) as batch_op:
        batch_op.create_index("ix_expense_claim_month", ["month", "state", "id"], unique=False)
        batch_op.create_index("ix_expense_claim_owner", ["owner_id", "submitted_at", "id"], unique=False)

    op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_membership_group_id_group")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_membership_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("user_id", "group_id", "role", name=op.f("uq_membership_user_id_group_id_role")),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index("ix_membership_group", ["group_id", "role"], unique=False)
        batch_op.create_index(batch_op.f("ix_membership_user_id"), ["user_id"], unique=False)

    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("url", sa.String(length=200), nullable=False),
        sa.Column("created_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("read_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_notice_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index("ix_notice_mine", ["user_id", "read_at", "id"], unique=False)

    op.create_table(
        "quarantine",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("op", sa.String(length=36), nullable=True),
        sa.Column("sender_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sender_id"], ["user.id"], name=op.f("fk_quarantine_sender_id_user")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_quarantine")),
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quarantine_op"), ["op"], unique=False)

    op.create_table(
        "receipt",
        sa.Column("op", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("dev", sa.String(length=36), nullable=False),
        sa.Column("ep", sa.String(length=8), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("agg_type", sa.String(length=40), nullable=False),
        sa.Column("agg_id", sa.String(length=36), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("ref", sa.String(length=40), nullable=True),
        sa.Column("ver", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("mouth", sa.String(length=10), nullable=False),
        sa.Column("device_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("received_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("applied_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.Column("supersedes", sa.String(length=36), nullable=True),
        sa.Column("superseded_by", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_receipt_user_id_user")),
        sa.PrimaryKeyConstraint("op", name=op.f("pk_receipt")),
    )
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.create_index("ix_receipt_agg", ["agg_type", "agg_id"], unique=False)
        batch_op.create_index("ix_receipt_device", ["dev", "ep", "user_id", "seq"], unique=False)
        batch_op.create_index(batch_op.f("ix_receipt_superseded_by"), ["superseded_by"], unique=False)
        batch_op.create_index("ix_receipt_waiting", ["user_id", "outcome"], unique=False)

    op.create_table(
        "setting",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("value", sa.String(length=40), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Integer(), nullable=False),
        sa.Column("set_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["set_by"], ["user.id"], name=op.f("fk_setting_set_by_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setting")),
    )
    with op.batch_alter_table("setting", schema=None) as batch_op:
        batch_op.create_index("ix_setting_key", ["key", "effective_on"], unique=False)

    op.create_table(
        "site",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_site_customer_id_customer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
    )
    with op.batch_alter_table("site", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_site_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "approval_step",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["approval_case.id"], name=op.f("fk_approval_step_case_id_approval_case")),
        sa.ForeignKeyConstraint(["decided_by"], ["user.id"], name=op.f("fk_approval_step_decided_by_user")),
        sa.PrimaryKeyConstraint("case_id", "position", name=op.f("pk_approval_step")),
    )
    op.create_table(
        "asset",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=False),
        sa.Column("category", sa.String(length=30), nullable=False),
        sa.Column("model", sa.String(length=60), nullable=False),
        sa.Column("serial_no", sa.String(length=60), nullable=False),
        sa.Column("plate", sa.String(length=20), nullable=True),
        sa.Column("sim_no", sa.String(length=30), nullable=True),
        sa.Column("mounted_at", sa.String(length=100), nullable=True),
        sa.Column("purchased_on", sa.Date(), nullable=True),
        sa.Column("warranty_until", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_asset_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
    )
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_plate"), ["plate"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_serial_no"), ["serial_no"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_site_id"), ["site_id"], unique=False)

    op.create_table(
        "contact",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("phone", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_contact_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_phone"), ["phone"], unique=False)
        batch_op.create_index(batch_op.f("ix_contact_site_id"), ["site_id"], unique=False)

    op.create_table(
        "contract_asset",
        sa.Column("contract_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_contract_asset_asset_id_asset")),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_contract_asset_contract_id_contract")),
        sa.PrimaryKeyConstraint("contract_id", "asset_id", name=op.f("pk_contract_asset")),
    )
    with op.batch_alter_table("contract_asset", schema=None) as batch_op:
        batch_op.create_index("ix_contract_asset_asset_id", ["asset_id"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=False),
        sa.Column("contact_id", sa.String(length=36), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=30), nullable=False),
        sa.Column("service_class", sa.String(length=12), nullable=False),
        sa.Column("urgency", sa.String(length=12), nullable=False),
        sa.Column("is_complex", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("received_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_job_contact_id_contact")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_job_customer_id_customer")),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_job_group_id_group")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_job_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("number", name=op.f("uq_job_number")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_job_group", ["group_id", "received_at", "id"], unique=False)
        batch_op.create_index("ix_job_group_state", ["group_id", "state", "received_at", "id"], unique=False)
        batch_op.create_index("ix_job_received", ["received_at", "id"], unique=False)
        batch_op.create_index("ix_job_state", ["state", "received_at", "id"], unique=False)

    op.create_table(
        "expense_item",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("amount", fieldapp.platform.database.Money(), nullable=False),
        sa.Column("spent_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("fapiao_code", sa.String(length=20), nullable=False),
        sa.Column("fapiao_number", sa.String(length=30), nullable=False),
        sa.Column("fapiao_amount", fieldapp.platform.database.Money(), nullable=True),
        sa.Column("receipts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("claim_id", sa.String(length=36), nullable=True),
        sa.Column("allowed_amount", fieldapp.platform.database.Money(), nullable=True),
        sa.Column("cut_reason", sa.Text(), nullable=True),
        sa.Column("warnings", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("warned", sa.Integer(), nullable=False),
        sa.Column("captured_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("received_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["expense_claim.id"], name=op.f("fk_expense_item_claim_id_expense_claim")
        ),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_expense_item_group_id_group")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_expense_item_job_id_job")),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_expense_item_owner_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expense_item")),
    )
    with op.batch_alter_table("expense_item", schema=None) as batch_op:
        batch_op.create_index("ix_expense_item_claim", ["claim_id", "id"], unique=False)
        batch_op.create_index(
            "ix_expense_item_fapiao",
            ["fapiao_number"],
            unique=False,
            sqlite_where=sa.text("fapiao_number <> ''"),
            postgresql_where=sa.text("fapiao_number <> ''"),
        )
        batch_op.create_index("ix_expense_item_owner", ["owner_id", "state", "spent_on", "id"], unique=False)
        batch_op.create_index(
            "uq_expense_item_fapiao_held",
            ["fapiao_number", "fapiao_code"],
            unique=True,
            sqlite_where=sa.text("fapiao_number <> '' AND state IN ('claimed', 'approved', 'paid')"),
            postgresql_where=sa.text("fapiao_number <> '' AND state IN ('claimed', 'approved', 'paid')"),
        )

    op.create_table(
        "job_asset",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_job_asset_asset_id_asset")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_asset_job_id_job")),
        sa.PrimaryKeyConstraint("job_id", "asset_id", name=op.f("pk_job_asset")),
    )
    with op.batch_alter_table("job_asset", schema=None) as batch_op:
        batch_op.create_index("ix_job_asset_asset_id", ["asset_id"], unique=False)

    op.create_table(
        "parts_request",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=24), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("requester_id", sa.Integer(), nullable=False),
        sa.Column("urgency", sa.String(length=12), nullable=False),
        sa.Column("wanted_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("goes_up", sa.Boolean(), nullable=False),
        sa.Column("total", fieldapp.platform.database.Money(), nullable=False),
        sa.Column("submitted_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("received_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_parts_request_group_id_group")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_parts_request_job_id_job")),
        sa.ForeignKeyConstraint(["requester_id"], ["user.id"], name=op.f("fk_parts_request_requester_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts_request")),
    )
    with op.batch_alter_table("parts_request", schema=None) as batch_op:
        batch_op.create_index("ix_parts_request_group", ["group_id", "submitted_at", "id"], unique=False)
        batch_op.create_index("ix_parts_request_high", ["goes_up", "submitted_at", "id"], unique=False)
        batch_op.create_index("ix_parts_request_job", ["job_id", "submitted_at"], unique=False)
        batch_op.create_index("ix_parts_request_list", ["submitted_at", "id"], unique=False)
        batch_op.create_index("ix_parts_request_mine", ["requester_id", "submitted_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_parts_request_number"), ["number"], unique=False)

    op.create_table(
        "visit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("technician_id", sa.Integer(), nullable=False),
        sa.Column("planned_start", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("planned_minutes", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("result", sa.String(length=20), nullable=True),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_visit_job_id_job")),
        sa.ForeignKeyConstraint(["technician_id"], ["user.id"], name=op.f("fk_visit_technician_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_visit_job_id"), ["job_id"], unique=False)
        batch_op.create_index("ix_visit_planned", ["planned_start", "id"], unique=False)
        batch_op.create_index("ix_visit_state", ["state", "planned_start", "id"], unique=False)
        batch_op.create_index("ix_visit_technician", ["technician_id", "planned_start", "id"], unique=False)

    op.create_table(
        "parts_line",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("part_id", sa.String(length=36), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("unit_price", fieldapp.platform.database.Money(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["part_id"], ["part.id"], name=op.f("fk_parts_line_part_id_part")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["parts_request.id"], name=op.f("fk_parts_line_request_id_parts_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts_line")),
    )
    with op.batch_alter_table("parts_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_parts_line_part_id"), ["part_id"], unique=False)
        batch_op.create_index("ix_parts_line_request", ["request_id", "position"], unique=False)

    op.create_table(
        "service_report",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("visit_id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("work", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("labour_minutes", sa.Integer(), nullable=True),
        sa.Column("fee_amount", fieldapp.platform.database.Money(), nullable=True),
        sa.Column("fee_method", sa.String(length=12), nullable=True),
        sa.Column("explained", sa.Text(), nullable=True),
        sa.Column("customer_name", sa.String(length=60), nullable=True),
        sa.Column("signature", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("signed_hash", sa.String(length=64), nullable=True),
        sa.Column("no_signature_reason", sa.String(length=200), nullable=True),
        sa.Column("satisfaction", sa.Integer(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("late_why", sa.String(length=12), nullable=True),
        sa.Column("is_further", sa.Boolean(), nullable=False),
        sa.Column("submitted_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("received_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_service_report_author_id_user")),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_service_report_group_id_group")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_service_report_job_id_job")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_service_report_visit_id_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_report")),
    )
    with op.batch_alter_table("service_report", schema=None) as batch_op:
        batch_op.create_index("ix_service_report_author", ["author_id", "submitted_at", "id"], unique=False)
        batch_op.create_index("ix_service_report_group", ["group_id", "submitted_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_service_report_job_id"), ["job_id"], unique=False)
        batch_op.create_index("ix_service_report_recent", ["submitted_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_service_report_visit_id"), ["visit_id"], unique=False)

    op.create_table(
        "visit_event",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("visit_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("happened_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("received_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("clock_doubted", sa.Boolean(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.Column("arrival_check", sa.String(length=20), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_visit_event_user_id_user")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_event_visit_id_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_event")),
    )
    with op.batch_alter_table("visit_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_visit_event_visit_id"), ["visit_id"], unique=False)

    op.create_table(
        "visit_member",
        sa.Column("visit_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("in_charge", sa.Boolean(), nullable=False),
        sa.Column("removed_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_visit_member_user_id_user")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_member_visit_id_visit")),
        sa.PrimaryKeyConstraint("visit_id", "user_id", name=op.f("pk_visit_member")),
    )
    with op.batch_alter_table("visit_member", schema=None) as batch_op:
        batch_op.create_index("ix_visit_member_user", ["user_id", "visit_id"], unique=False)

    op.create_table(
        "next_visit_plan",
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("planned_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("people", sa.String(length=200), nullable=False),
        sa.Column("tools", sa.Text(), nullable=False),
        sa.Column("visit_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_report.id"], name=op.f("fk_next_visit_plan_report_id_service_report")
        ),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_next_visit_plan_visit_id_visit")),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_next_visit_plan")),
    )
    with op.batch_alter_table("next_visit_plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_next_visit_plan_visit_id"), ["visit_id"], unique=False)

    op.create_table(
        "report_device",
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("plate", sa.String(length=20), nullable=True),
        sa.Column("driver", sa.String(length=60), nullable=True),
        sa.Column("old_terminal", sa.String(length=60), nullable=True),
        sa.Column("new_terminal", sa.String(length=60), nullable=True),
        sa.Column("old_sim", sa.String(length=30), nullable=True),
        sa.Column("new_sim", sa.String(length=30), nullable=True),
        sa.Column("mounted_at", sa.String(length=100), nullable=True),
        sa.Column("test_result", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_report.id"], name=op.f("fk_report_device_report_id_service_report")
        ),
        sa.PrimaryKeyConstraint("report_id", "position", name=op.f("pk_report_device")),
    )
    with op.batch_alter_table("report_device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_device_plate"), ["plate"], unique=False)

    op.create_table(
        "report_part",
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("part_id", sa.String(length=36), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("old_serial", sa.String(length=60), nullable=True),
        sa.Column("new_serial", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_report.id"], name=op.f("fk_report_part_report_id_service_report")
        ),
        sa.PrimaryKeyConstraint("report_id", "position", name=op.f("pk_report_part")),
    )
    with op.batch_alter_table("report_part", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_part_part_id"), ["part_id"], unique=False)

    op.create_table(
        "report_version",
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("op", sa.String(length=36), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("submitted_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("received_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_report.id"], name=op.f("fk_report_version_report_id_service_report")
        ),
        sa.PrimaryKeyConstraint("report_id", "version", name=op.f("pk_report_version")),
    )
    op.create_table(
        "next_visit_plan_line",
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("part_id", sa.String(length=36), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("unit_price", fieldapp.platform.database.Money(), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["next_visit_plan.report_id"], name=op.f("fk_next_visit_plan_line_report_id_next_visit_plan")
        ),
        sa.PrimaryKeyConstraint("report_id", "position", name=op.f("pk_next_visit_plan_line")),
    )


def downgrade():
    op.drop_table("next_visit_plan_line")
    op.drop_table("report_version")
    with op.batch_alter_table("report_part", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_part_part_id"))

    op.drop_table("report_part")
    with op.batch_alter_table("report_device", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_device_plate"))

    op.drop_table("report_device")
    with op.batch_alter_table("next_visit_plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_next_visit_plan_visit_id"))

    op.drop_table("next_visit_plan")
    with op.batch_alter_table("visit_member", schema=None) as batch_op:
        batch_op.drop_index("ix_visit_member_user")

    op.drop_table("visit_member")
    with op.batch_alter_table("visit_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_visit_event_visit_id"))

    op.drop_table("visit_event")
    with op.batch_alter_table("service_report", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_service_report_visit_id"))
        batch_op.drop_index("ix_service_report_recent")
        batch_op.drop_index(batch_op.f("ix_service_report_job_id"))
        batch_op.drop_index("ix_service_report_group")
        batch_op.drop_index("ix_service_report_author")

    op.drop_table("service_report")
    with op.batch_alter_table("parts_line", schema=None) as batch_op:
        batch_op.drop_index("ix_parts_line_request")
        batch_op.drop_index(batch_op.f("ix_parts_line_part_id"))

    op.drop_table("parts_line")
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.drop_index("ix_visit_technician")
        batch_op.drop_index("ix_visit_state")
        batch_op.drop_index("ix_visit_planned")
        batch_op.drop_index(batch_op.f("ix_visit_job_id"))

    op.drop_table("visit")
    with op.batch_alter_table("parts_request", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_parts_request_number"))
        batch_op.drop_index("ix_parts_request_mine")
        batch_op.drop_index("ix_parts_request_list")
        batch_op.drop_index("ix_parts_request_job")
        batch_op.drop_index("ix_parts_request_high")
        batch_op.drop_index("ix_parts_request_group")

    op.drop_table("parts_request")
    with op.batch_alter_table("job_asset", schema=None) as batch_op:
        batch_op.drop_index("ix_job_asset_asset_id")

    op.drop_table("job_asset")
    with op.batch_alter_table("expense_item", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_expense_item_fapiao_held",
            sqlite_where=sa.text("fapiao_number <> '' AND state IN ('claimed', 'approved', 'paid')"),
            postgresql_where=sa.text("fapiao_number <> '' AND state IN ('claimed', 'approved', 'paid')"),
        )
        batch_op.drop_index("ix_expense_item_owner")
        batch_op.drop_index(
            "ix_expense_item_fapiao",
            sqlite_where=sa.text("fapiao_number <> ''"),
            postgresql_where=sa.text("fapiao_number <> ''"),
        )
        batch_op.drop_index("ix_expense_item_claim")

    op.drop_table("expense_item")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index("ix_job_state")
        batch_op.drop_index("ix_job_received")
        batch_op.drop_index("ix_job_group_state")
        batch_op.drop_index("ix_job_group")
        batch_op.drop_index(batch_op.f("ix_job_customer_id"))

    op.drop_table("job")
    with op.batch_alter_table("contract_asset", schema=None) as batch_op:
        batch_op.drop_index("ix_contract_asset_asset_id")

    op.drop_table("contract_asset")
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_site_id"))
        batch_op.drop_index(batch_op.f("ix_contact_phone"))

    op.drop_table("contact")
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asset_site_id"))
        batch_op.drop_index(batch_op.f("ix_asset_serial_no"))
        batch_op.drop_index(batch_op.f("ix_asset_plate"))

    op.drop_table("asset")
    op.drop_table("approval_step")
    with op.batch_alter_table("site", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_site_customer_id"))

    op.drop_table("site")
    with op.batch_alter_table("setting", schema=None) as batch_op:
        batch_op.drop_index("ix_setting_key")

    op.drop_table("setting")
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.drop_index("ix_receipt_waiting")
        batch_op.drop_index(batch_op.f("ix_receipt_superseded_by"))
        batch_op.drop_index("ix_receipt_device")
        batch_op.drop_index("ix_receipt_agg")

    op.drop_table("receipt")
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_quarantine_op"))

    op.drop_table("quarantine")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index("ix_notice_mine")

    op.drop_table("notice")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_membership_user_id"))
        batch_op.drop_index("ix_membership_group")

    op.drop_table("membership")
    with op.batch_alter_table("expense_claim", schema=None) as batch_op:
        batch_op.drop_index("ix_expense_claim_owner")
        batch_op.drop_index("ix_expense_claim_month")

    op.drop_table("expense_claim")
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_index("ix_device_user")

    op.drop_table("device")
    with op.batch_alter_table("contract", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contract_customer_id"))

    op.drop_table("contract")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_entry_op"))
        batch_op.drop_index("ix_audit_entry_agg")

    op.drop_table("audit_entry")
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attachment_sha256"))
        batch_op.drop_index(batch_op.f("ix_attachment_op"))
        batch_op.drop_index("ix_attachment_agg")

    op.drop_table("attachment")
    with op.batch_alter_table("approval_case", schema=None) as batch_op:
        batch_op.drop_index("ix_approval_case_requester")
        batch_op.drop_index("ix_approval_case_inbox")

    op.drop_table("approval_case")
    op.drop_table("user")
    with op.batch_alter_table("part", schema=None) as batch_op:
        batch_op.drop_index("ix_part_choice")

    op.drop_table("part")
    op.drop_table("instance")
    op.drop_table("group")
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_phone"))
        batch_op.drop_index(batch_op.f("ix_customer_name"))

    op.drop_table("customer")
    op.drop_table("audit_head")
