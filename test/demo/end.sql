-- From here on with usual lifetimes.
SELECT certmgr.alter_subscriber('intranet', lifetime => '90 days', renew_before => '30 days');
SELECT certmgr.alter_subscriber('website', renew_before => '30 days');
