"""The reader of generated provider code: what each form of it becomes in a schema."""

import pytest
from make_schemas import Source, build

CODE = """
function thingRulesToHclTerraform(struct) {
    const attrs = {
        ports: {
            value: cdktn.listMapperHcl(cdktn.numberToHclTerraform, false)(struct.ports),
            isBlock: false,
            type: "list",
            storageClassType: "numberList",
        },
    };
}
class ThingRulesOutputReference extends cdktn.ComplexObject {
    // ports - computed: false, optional: true, required: false
    get ports() {
        return this.getNumberListAttribute('ports');
    }
}
class ThingRulesList extends cdktn.ComplexList {
}
class Thing extends cdktn.TerraformResource {
    constructor(scope, id, config) {
        super(scope, id, {
            terraformResourceType: 'aws_thing',
            terraformGeneratorMetadata: {
                providerVersion: '1.2.3',
            },
        });
    }
    // arn - computed: true, optional: false, required: false
    get arn() {
        return this.getStringAttribute('arn');
    }
    // names - computed: false, optional: true, required: false
    get names() {
        return cdktn.Fn.tolist(this.getListAttribute('names'));
    }
    // shape - computed: true, optional: false, required: false
    _shape = new ThingShapeList(this, "shape", false);
    // name - computed: false, optional: false, required: true
    get name() {
        return this.getStringAttribute('name');
    }
    // rules - computed: false, optional: false, required: true
    _rules = new ThingRulesList(this, "rules", true);
    // settings - computed: false, optional: true, required: false
    _settings = new ThingRulesOutputReference(this, "settings");
    synthesizeHclAttributes() {
        const attrs = {
            names: {
                value: cdktn.listMapperHcl(cdktn.stringToHclTerraform, false)(this._names),
                isBlock: false,
                type: "set",
                storageClassType: "stringList",
            },
            name: {
                value: cdktn.stringToHclTerraform(this._name),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
            rules: {
                value: cdktn.listMapperHcl(thingRulesToHclTerraform, true)(this._rules.internalValue),
                isBlock: true,
                type: "set",
                storageClassType: "ThingRulesList",
            },
            settings: {
                value: thingRulesToHclTerraform(this._settings.internalValue),
                isBlock: true,
                type: "list",
                storageClassType: "ThingRulesList",
            },
        };
    }
}
"""


def test_generated_code_becomes_a_schema(tmp_path):
    """Types, flags, sets, blocks and how often they may stand are told; the shape of a computed object is not."""
    (tmp_path / "lib/thing").mkdir(parents=True)
    (tmp_path / "lib/thing/index.js").write_text(CODE, encoding="utf-8")
    schema = build(tmp_path, Source("aws", "package@1", resources=("aws_thing",)))
    ports = {"attributes": {"ports": {"type": ["list", "number"], "optional": True}}, "blocks": {}}
    assert (schema["version"], schema["data"]) == ("1.2.3", {})
    assert schema["resources"]["aws_thing"] == {
        "attributes": {
            "arn": {"type": "string", "computed": True},
            "names": {"type": ["set", "string"], "optional": True},
            "shape": {"type": "dynamic", "computed": True},
            "name": {"type": "string", "required": True},
        },
        "blocks": {
            "rules": {"nesting": "set", "block": ports, "min_items": 1},
            "settings": {"nesting": "list", "block": ports, "max_items": 1},
        },
    }


def test_what_a_package_lacks_is_named(tmp_path):
    """A resource that the package does not have is an error, not a schema without it."""
    (tmp_path / "lib").mkdir()
    with pytest.raises(ValueError, match=r"^package@1 has no aws_other, aws_thing$"):
        build(tmp_path, Source("aws", "package@1", resources=("aws_thing",), data=("aws_other",)))
