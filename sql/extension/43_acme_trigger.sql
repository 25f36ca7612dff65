-- Presets and quirks are kept by every process that used them: a change makes all read them anew.
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON certmgr.acme_preset FOR EACH STATEMENT EXECUTE FUNCTION certmgr_private.invalidate();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON certmgr.acme_quirk FOR EACH STATEMENT EXECUTE FUNCTION certmgr_private.invalidate();
