"""What heads of whole images give: one class, or all that they are sure of."""

import pytest
import torch

from models.backbones import Backbone
from models.heads import HEADS
from models.heads.classifiers import Classifier
from models.losses import LossError
from models.model import Classes


def built(*, multi_label: bool, **options: object) -> Classifier:
    torch.manual_seed(0)
    head = HEADS["classification"]["linear"]
    classes = Classes(("forest", "water", "town"), (), (), (30, 10, 20), multi_label)
    model = head.build(Backbone("test_resnet", 3, 32), classes, head.options(**options))
    assert isinstance(model, Classifier)
    return model.eval()


@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
def test_an_image_of_single_labels_has_the_most_probable_class(loss: str) -> None:
    for one in built(multi_label=False, loss=loss).predict(torch.randn(4, 3, 32, 32)):
        assert one["classes"].tolist().count(True) == 1
        assert one["classes"].int().argmax() == one["confidences"].argmax()
        if loss == "cross_entropy":
            assert one["confidences"].sum() == pytest.approx(1)


def test_an_image_of_several_labels_has_all_classes_of_at_least_a_half() -> None:
    model = built(multi_label=True, loss="bce")
    found = model.predict(10 * torch.randn(16, 3, 32, 32))
    classes = torch.stack([one["classes"] for one in found])
    assert torch.equal(classes, torch.stack([one["confidences"] for one in found]) >= 0.5)


def test_cross_entropy_is_refused_where_images_have_several_labels() -> None:
    with pytest.raises(LossError, match="these have several or none: write loss: bce"):
        built(multi_label=True)


def test_rare_classes_weigh_more() -> None:
    weight = built(multi_label=False, class_weights="inverse").weight
    torch.testing.assert_close(weight / weight[0], torch.tensor([1.0, 3.0, 1.5]))
